//! Writes the values of an ADB block, equal ones once.

use std::collections::HashMap;

use anyhow::{Result, ensure};

use super::value::{Kind, MAX, Value};

/// A payload while it is written.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where bytes (a length prefix included) stand already.
    places: HashMap<Vec<u8>, usize>,
    too_large: bool,
}

/// A finished payload.
#[derive(Debug)]
pub struct Payload(pub Vec<u8>);

impl Default for Writer {
    fn default() -> Self {
        Self {
            // Versions (0, 0), reserved, and the root: set by `finish`.
            bytes: vec![0; 8],
            places: HashMap::new(),
            too_large: false,
        }
    }
}

impl Writer {
    /// A number.
    pub fn int(&mut self, number: u64) -> Value {
        let small = usize::try_from(number).ok();
        if let Some(value) = small.and_then(|number| Value::new(Kind::Int, number)) {
            return value;
        }
        match u32::try_from(number) {
            Ok(number) => self.shared(Kind::Int32, number.to_le_bytes().to_vec(), 4),
            Err(_) => self.shared(Kind::Int64, number.to_le_bytes().to_vec(), 4),
        }
    }

    /// Bytes or text; none at all is the absent value.
    pub fn blob(&mut self, content: &[u8]) -> Value {
        let Some((kind, mut bytes)) = prefix(content.len()) else {
            return Value::NULL;
        };
        let align = bytes.len();
        bytes.extend_from_slice(content);
        self.shared(kind, bytes, align)
    }

    /// Bytes that will be changed once the payload is finished, and so are
    /// nobody else's, with their place.
    pub fn own_blob(&mut self, content: &[u8]) -> (Value, usize) {
        let Some((kind, mut bytes)) = prefix(content.len()) else {
            return (Value::NULL, 0);
        };
        let align = bytes.len();
        bytes.extend_from_slice(content);
        let at = self.append(&bytes, align);
        (self.value(kind, at), at + align)
    }

    /// An object of these fields, the first one first; absent ones at its end
    /// are left out, and an object of nothing else is absent itself. Lists are
    /// written in the same way.
    pub fn object(&mut self, fields: &[Value]) -> Value {
        let used = fields
            .iter()
            .rposition(|value| *value != Value::NULL)
            .map_or(0, |last| last + 1);
        if used == 0 {
            return Value::NULL;
        }
        let count = u32::try_from(used + 1).unwrap_or(u32::MAX);
        let slots = std::iter::once(count).chain(fields[..used].iter().map(|value| value.0));
        self.shared(Kind::Object, slots.flat_map(u32::to_le_bytes).collect(), 4)
    }

    /// The payload with `root` as its root.
    ///
    /// # Errors
    /// More bytes than a place can name (256 MiB).
    pub fn finish(mut self, root: Value) -> Result<Payload> {
        ensure!(
            !self.too_large,
            "the package's lists are larger than {MAX} bytes: the format cannot hold them"
        );
        self.bytes[4..8].copy_from_slice(&root.0.to_le_bytes());
        Ok(Payload(self.bytes))
    }

    /// The place of equal bytes, if they stand where `align` allows; else a new
    /// one, which is used from then on.
    fn shared(&mut self, kind: Kind, bytes: Vec<u8>, align: usize) -> Value {
        let found = self.places.get(&bytes).copied();
        let at = match found.filter(|at| at % align == 0) {
            Some(at) => at,
            None => {
                let at = self.append(&bytes, align);
                self.places.insert(bytes, at);
                at
            }
        };
        self.value(kind, at)
    }

    fn append(&mut self, bytes: &[u8], align: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        at
    }

    fn value(&mut self, kind: Kind, at: usize) -> Value {
        Value::new(kind, at).unwrap_or_else(|| {
            self.too_large = true;
            Value::NULL
        })
    }
}

/// The length before a blob's bytes, as long as it needs to be.
fn prefix(length: usize) -> Option<(Kind, Vec<u8>)> {
    Some(match length {
        0 => return None,
        1..=0xff => (Kind::Blob8, vec![length as u8]),
        0x100..=0xffff => (Kind::Blob16, (length as u16).to_le_bytes().to_vec()),
        _ => (Kind::Blob32, (length as u32).to_le_bytes().to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_stand_once() {
        let mut writer = Writer::default();
        let a = writer.blob(b"root");
        assert_eq!(a, Value(0x8000_0008));
        assert_eq!(writer.blob(b"root"), a);
        assert_eq!(writer.blob(b""), Value::NULL);
        let (own, at) = writer.own_blob(b"root");
        assert_eq!((own, at), (Value(0x8000_000d), 14));
        let object = writer.object(&[a, Value::NULL, Value::NULL]);
        assert_eq!(object, Value(0xe000_0014));
        assert_eq!(writer.object(&[a]), object);
        assert_eq!(writer.object(&[Value::NULL]), Value::NULL);
        let payload = writer.finish(object).unwrap().0;
        assert_eq!(
            payload,
            b"\0\0\0\0\x14\0\0\xe0\x04root\x04root\0\0\x02\0\0\0\x08\0\0\x80"
        );
    }

    #[test]
    fn numbers_by_their_size() {
        let mut writer = Writer::default();
        assert_eq!(writer.int(0), Value(0x1000_0000));
        assert_eq!(writer.int(0x0fff_ffff), Value(0x1fff_ffff));
        assert_eq!(writer.int(0x1000_0000), Value(0x2000_0008));
        assert_eq!(writer.int(1 << 32), Value(0x3000_000c));
        assert_eq!(writer.int(0x1000_0000), Value(0x2000_0008));
    }

    #[test]
    fn a_place_that_is_not_aligned_is_not_taken() {
        let mut writer = Writer::default();
        writer.blob(b"x");
        // The bytes of this number, one behind the other, are those of a blob.
        let blob = writer.blob(b"\x02\x03\x10");
        assert_eq!(blob, Value(0x8000_000a));
        let number = writer.int(0x1003_0203);
        assert_eq!(number, Value(0x2000_0010));
        assert_eq!(writer.blob(b"\x02\x03\x10"), Value(0x8000_0010));
        let long = vec![b'y'; 0x100];
        assert_eq!(writer.blob(&long), Value(0x9000_0014));
        assert_eq!(writer.blob(&vec![b'y'; 0x10000]).kind(), Kind::Blob32);
    }
}
