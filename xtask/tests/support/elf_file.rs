//! ELF files of a few hundred bytes, for any machine.
#![allow(dead_code)] // every test file uses its own part

pub const ARM: u16 = 40;
pub const MIPS: u16 = 8;
pub const X86_64: u16 = 62;
pub const AARCH64: u16 = 183;
pub const RISCV: u16 = 243;
pub const BPF: u16 = 247;

const PT_INTERP: u32 = 3;
const PT_MIPS_ABIFLAGS: u32 = 0x7000_0003;

/// What the file says; a stripped static mipsel program at first.
#[derive(Clone)]
pub struct Program {
    pub bits: u8,
    pub big: bool,
    pub machine: u16,
    /// `e_type`: 1 relocatable, 2 program, 3 library.
    pub kind: u16,
    pub flags: u32,
    pub interpreters: Vec<Vec<u8>>,
    /// The dynamic string table, and what DT_NEEDED entries point at.
    pub strings: Vec<u8>,
    pub needed: Vec<u64>,
    /// How many sections are that dynamic one.
    pub dynamics: usize,
    /// More sections: type and name.
    pub sections: Vec<(u32, &'static str)>,
    /// `fp_abi` of `.MIPS.abiflags`.
    pub mips_fp: Option<u8>,
}

pub fn program(machine: u16, bits: u8) -> Program {
    Program {
        bits,
        big: false,
        machine,
        kind: 2,
        flags: 0,
        interpreters: Vec::new(),
        strings: Vec::new(),
        needed: Vec::new(),
        dynamics: 1,
        sections: Vec::new(),
        mips_fp: None,
    }
}

impl Program {
    /// A number of two or four bytes, or of a machine word.
    fn put(&self, out: &mut Vec<u8>, value: u64, bytes: usize) {
        if self.big {
            out.extend(&value.to_be_bytes()[8 - bytes..]);
        } else {
            out.extend(&value.to_le_bytes()[..bytes]);
        }
    }

    /// Adds a name to the string table and needs it.
    pub fn needs(mut self, name: &str) -> Self {
        self.needed.push(self.strings.len() as u64);
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        self
    }

    pub fn interpreter(mut self, path: &str) -> Self {
        self.interpreters.push([path.as_bytes(), &[0]].concat());
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let word = usize::from(self.bits) / 8;
        let (header, segment) = if word == 8 { (64, 56) } else { (52, 32) };
        let mut segments: Vec<(u32, Vec<u8>)> = Vec::new();
        for path in &self.interpreters {
            segments.push((PT_INTERP, path.clone()));
        }
        if let Some(fp) = self.mips_fp {
            let mut record = vec![0; 24];
            record[7] = fp;
            segments.push((PT_MIPS_ABIFLAGS, record));
        }
        let start: usize = (header + segments.len() * segment).next_multiple_of(8);
        let mut body = Vec::new();
        let mut table = Vec::new();
        for (kind, content) in &segments {
            let at = (start + body.len()) as u64;
            let size = content.len() as u64;
            self.put(&mut table, u64::from(*kind), 4);
            if word == 8 {
                self.put(&mut table, 4, 4);
            }
            for value in [at, 0, 0, size, size] {
                self.put(&mut table, value, word);
            }
            if word == 4 {
                self.put(&mut table, 4, 4);
            }
            self.put(&mut table, 8, word);
            body.extend(content);
            body.resize(body.len().next_multiple_of(8), 0);
        }

        let mut names = vec![0];
        let mut sections = vec![(0, "", 0, 0, 0)];
        let mut add = |body: &mut Vec<u8>, kind, name, content: &[u8], link| {
            sections.push((kind, name, start + body.len(), content.len(), link));
            body.extend(content);
            body.resize(body.len().next_multiple_of(8), 0);
        };
        if !self.needed.is_empty() {
            let mut dynamic = Vec::new();
            for name in &self.needed {
                self.put(&mut dynamic, 1, word);
                self.put(&mut dynamic, *name, word);
            }
            // The end, and what nobody reads behind it.
            for value in [0, 0, 1, u64::from(u32::MAX)] {
                self.put(&mut dynamic, value, word);
            }
            add(&mut body, 3, ".dynstr", &self.strings, 0);
            for _ in 0..self.dynamics {
                add(&mut body, 6, ".dynamic", &dynamic, 1);
            }
        }
        for (kind, name) in &self.sections {
            add(&mut body, *kind, name, b"", 0);
        }
        sections.push((3, ".shstrtab", 0, 0, 0));
        let starts: Vec<u64> = sections
            .iter()
            .map(|(_, name, ..)| {
                names.extend(name.as_bytes());
                names.push(0);
                (names.len() - name.len() - 1) as u64
            })
            .collect();
        let last = sections.len() - 1;
        (sections[last].2, sections[last].3) = (start + body.len(), names.len());
        body.extend(names);
        body.resize(body.len().next_multiple_of(8), 0);

        let mut out = b"\x7fELF".to_vec();
        out.extend([(word / 4) as u8, 1 + u8::from(self.big), 1]);
        out.resize(16, 0);
        self.put(&mut out, u64::from(self.kind), 2);
        self.put(&mut out, u64::from(self.machine), 2);
        self.put(&mut out, 1, 4);
        let tables = [0, header, start + body.len()];
        for value in tables {
            self.put(&mut out, value as u64, word);
        }
        self.put(&mut out, u64::from(self.flags), 4);
        let section = if word == 8 { 64 } else { 40 };
        for value in [header, segment, segments.len(), section, last + 1, last] {
            self.put(&mut out, value as u64, 2);
        }
        assert_eq!(out.len(), header);
        out.extend(table);
        out.resize(start, 0);
        out.extend(body);
        for ((kind, _, at, size, link), name) in sections.iter().zip(starts) {
            self.put(&mut out, name, 4);
            self.put(&mut out, u64::from(*kind), 4);
            for value in [0, 0, *at, *size] {
                self.put(&mut out, value as u64, word);
            }
            self.put(&mut out, *link, 4);
            self.put(&mut out, 0, 4);
            self.put(&mut out, 1, word);
            self.put(&mut out, 0, word);
        }
        out
    }
}
