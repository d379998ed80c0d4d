//! Values as Python has them.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::{Equivalent, IndexMap};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use crate::ast::Macro;
use crate::error::Error;
use crate::eval::Loop;

/// A value as Python has it. Lists and dicts never change.
///
/// It is made by [`Value::from_serialize`](Self::from_serialize), or read by `serde`.
#[derive(Clone, Debug)]
pub enum Value {
    /// No value, and the message of the error that most uses of it give.
    Undefined(Arc<str>),
    /// `None`.
    None,
    /// A `bool`.
    Bool(bool),
    /// An `int`, of any size.
    Int(BigInt),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Str(Arc<str>),
    /// A text that the filter `safe` or `escape` made.
    Markup(Arc<str>),
    /// A `list`.
    List(Arc<Vec<Value>>),
    /// A `tuple`.
    Tuple(Arc<Vec<Value>>),
    /// A tuple of the filter `groupby`, whose two items have names.
    Group(Arc<Vec<Value>>),
    /// A `dict`.
    Dict(Arc<Dict>),
    /// Anything else.
    Object(Arc<Object>),
}

/// A `dict`, in the order of insertion.
pub type Dict = IndexMap<Key, Value>;

/// The key of a [`Dict`]. Numbers that are equal are the same key.
#[derive(Clone, Debug)]
pub struct Key(Value);

/// What is neither data nor text.
#[derive(Debug)]
pub enum Object {
    /// A `range`.
    Range(Range),
    /// `dict.keys()`, `dict.values()` or `dict.items()`.
    View(View, Arc<Dict>),
    /// A generator of a filter, which gives each item once.
    Iterator(Mutex<VecDeque<Value>>),
    /// `namespace()`.
    Namespace(Mutex<Dict>),
    /// A macro, and the number of the scope that it was defined in.
    Macro(Arc<Macro>, usize),
    /// A global function.
    Function(&'static str),
    /// A method of a value.
    Method(Value, Arc<str>),
    /// `loop`.
    Loop(Mutex<Loop>),
    /// `cycler()` and its position.
    Cycler(Vec<Value>, Mutex<usize>),
    /// `joiner()`, and whether it was called.
    Joiner(Value, AtomicBool),
}

/// Which part of a dict a view shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum View {
    /// `dict_keys`
    Keys,
    /// `dict_values`
    Values,
    /// `dict_items`
    Items,
}

/// Whole numbers at equal distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) stop: i64,
}

impl Range {
    pub(crate) fn len(self) -> usize {
        let (low, high) = if self.step > 0 {
            (self.start, self.stop)
        } else {
            (self.stop, self.start)
        };
        let distance = (i128::from(high) - i128::from(low)).max(0);
        let step = i128::from(self.step).abs();
        usize::try_from((distance + step - 1) / step).unwrap_or(usize::MAX)
    }

    pub(crate) fn get(self, index: usize) -> i64 {
        self.start + self.step * index as i64
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Value> {
        (0..self.len()).map(move |index| Value::from(self.get(index)))
    }
}

impl Value {
    pub(crate) fn undefined(message: impl Into<Arc<str>>) -> Self {
        Self::Undefined(message.into())
    }

    pub(crate) fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    pub(crate) fn tuple(items: Vec<Self>) -> Self {
        Self::Tuple(Arc::new(items))
    }

    pub(crate) fn dict(dict: Dict) -> Self {
        Self::Dict(Arc::new(dict))
    }

    pub(crate) fn object(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }

    pub(crate) fn iterator(items: Vec<Self>) -> Self {
        Self::object(Object::Iterator(Mutex::new(items.into())))
    }

    /// Whether it is defined.
    pub fn is_defined(&self) -> bool {
        !matches!(self, Self::Undefined(_))
    }

    /// Its text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Markup(text) => Some(text),
            _ => None,
        }
    }

    /// Whether Python takes it for true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Undefined(_) | Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != BigInt::ZERO,
            Self::Float(value) => *value != 0.0,
            Self::Str(text) | Self::Markup(text) => !text.is_empty(),
            Self::List(items) | Self::Tuple(items) | Self::Group(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Object(object) => match &**object {
                Object::Range(range) => range.len() > 0,
                Object::View(_, dict) => !dict.is_empty(),
                _ => true,
            },
        }
    }

    /// The name of its type in Python.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined(_) => "Undefined",
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) => "str",
            Self::Markup(_) => "Markup",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Group(_) => "_GroupTuple",
            Self::Dict(_) => "dict",
            Self::Object(object) => match &**object {
                Object::Range(_) => "range",
                Object::View(View::Keys, _) => "dict_keys",
                Object::View(View::Values, _) => "dict_values",
                Object::View(View::Items, _) => "dict_items",
                Object::Iterator(_) => "generator",
                Object::Namespace(_) => "Namespace",
                Object::Macro(..) => "Macro",
                Object::Function(_) => "function",
                Object::Method(..) => "builtin_function_or_method",
                Object::Loop(_) => "LoopContext",
                Object::Cycler(..) => "Cycler",
                Object::Joiner(..) => "Joiner",
            },
        }
    }

    /// Its value if it is an `int` or a `bool`.
    pub(crate) fn as_int(&self) -> Option<BigInt> {
        match self {
            Self::Bool(value) => Some(BigInt::from(u8::from(*value))),
            Self::Int(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// As [`Self::as_int`], cut to what 64 bits hold.
    pub(crate) fn as_i64(&self) -> Option<i64> {
        let value = self.as_int()?;
        Some(value.to_i64().unwrap_or(match value.sign() {
            num_bigint::Sign::Minus => i64::MIN,
            _ => i64::MAX,
        }))
    }

    /// The items that a loop over it has. A generator is used up.
    pub(crate) fn items(&self) -> Result<Vec<Self>, Error> {
        Ok(match self {
            Self::Undefined(_) => vec![],
            Self::Str(text) | Self::Markup(text) => {
                text.chars().map(|c| Self::from(c.to_string())).collect()
            }
            Self::List(items) | Self::Tuple(items) | Self::Group(items) => items.to_vec(),
            Self::Dict(dict) => dict.keys().map(Key::value).collect(),
            Self::Object(object) => match &**object {
                Object::Range(range) => range.iter().collect(),
                Object::View(view, dict) => view.items(dict),
                Object::Iterator(items) => lock(items).drain(..).collect(),
                Object::Loop(_) => return Err(Error::new("a loop over `loop` is not supported")),
                _ => return Err(self.not_iterable()),
            },
            _ => return Err(self.not_iterable()),
        })
    }

    fn not_iterable(&self) -> Error {
        Error::new(format!("'{}' object is not iterable", self.type_name()))
    }

    /// `len(value)`
    pub(crate) fn length(&self) -> Option<usize> {
        Some(match self {
            Self::Undefined(_) => 0,
            Self::Str(text) | Self::Markup(text) => text.chars().count(),
            Self::List(items) | Self::Tuple(items) | Self::Group(items) => items.len(),
            Self::Dict(dict) => dict.len(),
            Self::Object(object) => match &**object {
                Object::Range(range) => range.len(),
                Object::View(_, dict) => dict.len(),
                Object::Loop(state) => lock(state).length(),
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl View {
    pub(crate) fn items(self, dict: &Dict) -> Vec<Value> {
        match self {
            Self::Keys => dict.keys().map(Key::value).collect(),
            Self::Values => dict.values().cloned().collect(),
            Self::Items => dict
                .iter()
                .map(|(key, value)| Value::tuple(vec![key.value(), value.clone()]))
                .collect(),
        }
    }
}

/// What a lock guards, also after a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::list(items)
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::dict(dict)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Int(value.into())
    }
}

impl Key {
    /// The key for `value`, which must be hashable.
    ///
    /// # Errors
    ///
    /// It is not hashable: a list or a dict.
    pub fn new(value: Value) -> Result<Self, Error> {
        match &value {
            Value::List(_) | Value::Dict(_) => {
                return Err(Error::new(format!(
                    "unhashable type: '{}'",
                    value.type_name()
                )));
            }
            Value::Tuple(items) | Value::Group(items) => {
                for item in items.iter() {
                    Self::new(item.clone())?;
                }
            }
            _ => {}
        }
        Ok(Self(value))
    }

    /// The value that makes the key.
    pub fn value(&self) -> Value {
        self.0.clone()
    }

    /// The text of the key, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_str()
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(Value::from(text))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        crate::ops::hashable_equal(&self.0, &other.0)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        key.as_str() == Some(self)
    }
}

fn hash<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Str(text) | Value::Markup(text) => text.hash(state),
        Value::Bool(_) | Value::Int(_) => value.as_int().hash(state),
        Value::Float(number) => match BigInt::from_f64(*number) {
            Some(whole) if number.fract() == 0.0 => Some(whole).hash(state),
            _ => number.to_bits().hash(state),
        },
        Value::Tuple(items) | Value::Group(items) => {
            items.iter().for_each(|item| hash(item, state));
        }
        // Others are few, so that they may share a place.
        _ => 0.hash(state),
    }
}
