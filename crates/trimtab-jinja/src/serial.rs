//! Data to values, in the order in which it serializes.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{self, Serialize, Serializer};

use crate::value::{Dict, Key, Value};

impl Value {
    /// The value of `data`. Maps keep their order.
    ///
    /// # Errors
    ///
    /// It has bytes or a key that Python would not take.
    pub fn from_serialize(data: impl Serialize) -> Result<Self, Unserializable> {
        data.serialize(ToValue)
    }
}

/// Why data could not become a [`Value`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unserializable(String);

impl ser::Error for Unserializable {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct ToValue;

macro_rules! whole {
    ($($name:ident $type:ty),*) => {
        $(fn $name(self, value: $type) -> Result<Value, Unserializable> {
            Ok(Value::Int(value.into()))
        })*
    };
}

impl Serializer for ToValue {
    type Ok = Value;
    type Error = Unserializable;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    whole!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
        serialize_u64 u64, serialize_u128 u128
    );

    fn serialize_bool(self, value: bool) -> Result<Value, Unserializable> {
        Ok(Value::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<Value, Unserializable> {
        Ok(Value::Float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result<Value, Unserializable> {
        Ok(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, Unserializable> {
        Ok(Value::from(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Value, Unserializable> {
        Ok(Value::from(value))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Unserializable> {
        Err(ser::Error::custom("bytes are not supported"))
    }

    fn serialize_none(self) -> Result<Value, Unserializable> {
        Ok(Value::None)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<Value, Unserializable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Unserializable> {
        Ok(Value::None)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Unserializable> {
        Ok(Value::None)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Unserializable> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Unserializable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Unserializable> {
        let value = value.serialize(self)?;
        Ok(Value::dict(Dict::from_iter([(Key::from(variant), value)])))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items, Unserializable> {
        Ok(Items::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items, Unserializable> {
        Ok(Items::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items, Unserializable> {
        Ok(Items::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items, Unserializable> {
        Ok(Items {
            items: vec![],
            variant: Some(variant),
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Unserializable> {
        Ok(Entries::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Unserializable> {
        Ok(Entries::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Unserializable> {
        Ok(Entries {
            variant: Some(variant),
            ..Entries::default()
        })
    }
}

/// A list in the making.
#[derive(Default)]
pub(crate) struct Items {
    items: Vec<Value>,
    variant: Option<&'static str>,
}

impl Items {
    fn push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unserializable> {
        self.items.push(value.serialize(ToValue)?);
        Ok(())
    }

    fn finish(self) -> Value {
        of_variant(self.variant, Value::list(self.items))
    }
}

fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::dict(Dict::from_iter([(Key::from(variant), value)])),
        None => value,
    }
}

macro_rules! items {
    ($($trait:ident $push:ident),*) => {
        $(impl ser::$trait for Items {
            type Ok = Value;
            type Error = Unserializable;

            fn $push<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unserializable> {
                self.push(value)
            }

            fn end(self) -> Result<Value, Unserializable> {
                Ok(self.finish())
            }
        })*
    };
}

items!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

/// A dict in the making.
#[derive(Default)]
pub(crate) struct Entries {
    dict: Dict,
    key: Option<Key>,
    variant: Option<&'static str>,
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Unserializable;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), Unserializable> {
        let key = key.serialize(ToValue)?;
        self.key = Some(Key::new(key).map_err(ser::Error::custom)?);
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), Unserializable> {
        let key = self
            .key
            .take()
            .ok_or_else(|| ser::Error::custom("a value without a key"))?;
        self.dict.insert(key, value.serialize(ToValue)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Unserializable> {
        Ok(of_variant(self.variant, Value::dict(self.dict)))
    }
}

macro_rules! entries {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Entries {
            type Ok = Value;
            type Error = Unserializable;

            fn serialize_field<T: ?Sized + Serialize>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Unserializable> {
                self.dict.insert(Key::from(key), value.serialize(ToValue)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Unserializable> {
                Ok(of_variant(self.variant, Value::dict(self.dict)))
            }
        })*
    };
}

entries!(SerializeStruct, SerializeStructVariant);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = vec![];
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::list(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut dict = Dict::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            dict.insert(Key::from(key.as_str()), value);
        }
        Ok(Value::dict(dict))
    }
}
