//! Reads the values of an ADB block that nobody vouches for.
//!
//! Every place is checked before it is used. Values may share places, so that a
//! small payload can describe very much: who walks lists has to count.

use anyhow::{Context, Result, bail, ensure};

use super::value::{Kind, Value};

/// A payload.
#[derive(Clone, Copy, Debug)]
pub struct Adb<'a> {
    bytes: &'a [u8],
}

/// An object or list: numbered slots.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    adb: Adb<'a>,
    slots: &'a [u8],
}

impl<'a> Adb<'a> {
    /// Looks at the payload's header.
    ///
    /// # Errors
    /// A version other than 0, and payloads without header.
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let header = bytes
            .first_chunk::<8>()
            .context("its first block has no header")?;
        ensure!(
            header[0] == 0,
            "its values need a newer apk-tools (compatibility version {})",
            header[0]
        );
        Ok(Self { bytes })
    }

    /// The root object.
    ///
    /// # Errors
    /// A root that is none.
    pub fn root(self) -> Result<Object<'a>> {
        let root = self.slice(4, 4)?;
        self.object(word(root)).context("its root")
    }

    /// A number; 0 where there is none.
    ///
    /// # Errors
    /// A value of another type; a place outside.
    pub fn int(self, value: Value) -> Result<u64> {
        Ok(match value.kind() {
            Kind::Null => 0,
            Kind::Int => value.rest() as u64,
            Kind::Int32 => u64::from(word(self.slice(value.rest(), 4)?).0),
            Kind::Int64 => {
                let bytes = self.slice(value.rest(), 8)?;
                bytes
                    .iter()
                    .rev()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            other => bail!("a number is expected and {other:?} is there"),
        })
    }

    /// Bytes; none where there is no value.
    ///
    /// # Errors
    /// A value of another type; a place outside.
    pub fn blob(self, value: Value) -> Result<&'a [u8]> {
        let prefix = match value.kind() {
            Kind::Null => return Ok(&[]),
            Kind::Blob8 => 1,
            Kind::Blob16 => 2,
            Kind::Blob32 => 4,
            other => bail!("text is expected and {other:?} is there"),
        };
        let length = self.slice(value.rest(), prefix)?;
        let length = length
            .iter()
            .rev()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        self.slice(value.rest() + prefix, length)
    }

    /// An object or list; an empty one where there is no value.
    ///
    /// # Errors
    /// A value of another type; a place outside.
    pub fn object(self, value: Value) -> Result<Object<'a>> {
        match value.kind() {
            Kind::Null => {
                return Ok(Object {
                    adb: self,
                    slots: &[],
                });
            }
            Kind::Object | Kind::Array => {}
            other => bail!("a list is expected and {other:?} is there"),
        }
        let count = word(self.slice(value.rest(), 4)?).0 as usize;
        let length = count
            .checked_sub(1)
            .and_then(|count| count.checked_mul(4))
            .context("a list that is shorter than its own length")?;
        Ok(Object {
            adb: self,
            slots: self.slice(value.rest() + 4, length)?,
        })
    }

    fn slice(self, at: usize, length: usize) -> Result<&'a [u8]> {
        at.checked_add(length)
            .and_then(|end| self.bytes.get(at..end))
            .with_context(|| format!("{length} bytes at {at} are outside of its first block"))
    }
}

impl<'a> Object<'a> {
    /// The value in a slot; the first has number 1.
    pub fn value(self, slot: usize) -> Value {
        let at = slot.wrapping_sub(1).wrapping_mul(4);
        let bytes = at.checked_add(4).and_then(|end| self.slots.get(at..end));
        bytes.map_or(Value::NULL, word)
    }

    /// The number in a slot.
    ///
    /// # Errors
    /// [`Adb::int`]'s.
    pub fn int(self, slot: usize) -> Result<u64> {
        self.adb.int(self.value(slot))
    }

    /// The bytes in a slot.
    ///
    /// # Errors
    /// [`Adb::blob`]'s.
    pub fn blob(self, slot: usize) -> Result<&'a [u8]> {
        self.adb.blob(self.value(slot))
    }

    /// The object or list in a slot.
    ///
    /// # Errors
    /// [`Adb::object`]'s.
    pub fn object(self, slot: usize) -> Result<Object<'a>> {
        self.adb.object(self.value(slot))
    }

    /// Number of slots.
    pub fn len(self) -> usize {
        self.slots.len() / 4
    }

    /// True for a list without entries.
    pub fn is_empty(self) -> bool {
        self.slots.is_empty()
    }

    /// The values of a list.
    pub fn values(self) -> impl Iterator<Item = Value> + 'a {
        self.slots.chunks_exact(4).map(word)
    }

    /// The payload that it is from.
    pub fn adb(self) -> Adb<'a> {
        self.adb
    }
}

fn word(bytes: &[u8]) -> Value {
    Value(
        bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u32::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::super::write::Writer;
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = Writer::default();
        let long = vec![b'l'; 300];
        let longest = vec![b'z'; 70_000];
        let fields = [
            writer.int(7),
            Value::NULL,
            writer.int(1 << 30),
            writer.int(u64::MAX),
            writer.blob(b"text"),
            writer.blob(&long),
            writer.blob(&longest),
        ];
        let list = writer.object(&fields);
        let root = writer.object(&[list]);
        let payload = writer.finish(root).unwrap().0;
        let root = Adb::new(&payload).unwrap().root().unwrap();
        let list = root.object(1).unwrap();
        assert_eq!((list.len(), list.is_empty()), (7, false));
        let numbers: Vec<u64> = (1..=4).map(|slot| list.int(slot).unwrap()).collect();
        assert_eq!(numbers, [7, 0, 1 << 30, u64::MAX]);
        assert_eq!(list.blob(5).unwrap(), b"text");
        assert_eq!(list.blob(6).unwrap(), long);
        assert_eq!(list.blob(7).unwrap(), longest);
        assert_eq!(list.value(0), Value::NULL);
        assert_eq!(list.value(8), Value::NULL);
        assert!(root.object(9).unwrap().is_empty());
        assert!(list.blob(1).is_err() && list.int(5).is_err() && list.object(1).is_err());
    }

    #[test]
    fn places_outside_are_errors() {
        let adb = |value: u32| {
            let mut bytes = vec![0, 0, 0, 0];
            bytes.extend_from_slice(&value.to_le_bytes());
            bytes.extend_from_slice(&[0xff; 8]);
            Adb::new(&bytes).and_then(|adb| adb.root().map(|root| root.len()))
        };
        for wrong in [
            0xe000_0000_u32,
            0xe000_0008,
            0xe000_0010,
            0xefff_ffff,
            0x1000_0001,
        ] {
            assert!(adb(wrong).is_err(), "{wrong:x}");
        }
        assert_eq!(adb(0).unwrap(), 0);
        assert!(Adb::new(&[0; 7]).is_err());
        assert!(Adb::new(&[1, 0, 0, 0, 0, 0, 0, 0]).is_err());
        let bytes = [0; 16];
        let adb = Adb::new(&bytes).unwrap();
        for wrong in [
            0x2000_000d,
            0x3000_0009,
            0x8000_0010,
            0x9000_000f,
            0xa000_000d,
        ] {
            let value = Value(wrong);
            assert!(
                adb.int(value).is_err() || adb.blob(value).is_err(),
                "{wrong:x}"
            );
            assert!(adb.blob(value).is_err(), "{wrong:x}");
        }
    }
}
