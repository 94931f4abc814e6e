//! A value: four bits of type, 28 bits that are the number itself or a place in
//! the payload.

/// The largest number or place that a value can hold.
pub const MAX: u32 = 0x0fff_ffff;

/// One value as it stands in a slot (little endian).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Value(pub u32);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: the field is absent.
    Null,
    /// A number below 2^28, in the value.
    Int,
    /// Four bytes elsewhere.
    Int32,
    /// Eight bytes elsewhere.
    Int64,
    /// Bytes behind a length of one byte.
    Blob8,
    /// Bytes behind a length of two bytes.
    Blob16,
    /// Bytes behind a length of four bytes.
    Blob32,
    /// A list of values.
    Array,
    /// Numbered fields.
    Object,
    /// A type that apk-tools does not have.
    Unknown,
}

const TYPES: [(u32, Kind); 8] = [
    (0x1, Kind::Int),
    (0x2, Kind::Int32),
    (0x3, Kind::Int64),
    (0x8, Kind::Blob8),
    (0x9, Kind::Blob16),
    (0xa, Kind::Blob32),
    (0xd, Kind::Array),
    (0xe, Kind::Object),
];

impl Value {
    /// The absent value.
    pub const NULL: Self = Self(0);

    /// `kind` with its 28 bits; `None` where they are too many.
    pub fn new(kind: Kind, rest: usize) -> Option<Self> {
        let rest = u32::try_from(rest).ok().filter(|rest| *rest <= MAX)?;
        let (tag, _) = TYPES.iter().find(|(_, known)| *known == kind)?;
        Some(Self(tag << 28 | rest))
    }

    /// Its type.
    pub fn kind(self) -> Kind {
        if self == Self::NULL {
            return Kind::Null;
        }
        let found = TYPES.iter().find(|(tag, _)| *tag == self.0 >> 28);
        found.map_or(Kind::Unknown, |(_, kind)| *kind)
    }

    /// The 28 bits behind the type.
    pub fn rest(self) -> usize {
        (self.0 & MAX) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_places() {
        let value = Value::new(Kind::Object, 0x51c).unwrap();
        assert_eq!(value.0, 0xe000_051c);
        assert_eq!((value.kind(), value.rest()), (Kind::Object, 0x51c));
        assert_eq!(Value::new(Kind::Int, 0).unwrap().kind(), Kind::Int);
        assert_eq!(Value::NULL.kind(), Kind::Null);
        assert_eq!(Value(0x4000_0000).kind(), Kind::Unknown);
        assert_eq!(Value::new(Kind::Int, MAX as usize + 1), None);
        assert_eq!(Value::new(Kind::Null, 1), None);
    }
}
