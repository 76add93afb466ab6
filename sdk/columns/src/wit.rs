//! The bridge to generated bindings.

/// Conversions between this crate's types and those that a binding generator made of `types` in
/// the contract. Call it once, with the path of the generated module and the names that it gave
/// to `data-type` and `field` where they come in, and where they go out (which may borrow).
#[macro_export]
macro_rules! wit_types {
    (
        $types:path,
        in $data_type:ident $field:ident,
        out $out_type:ident $out_field:ident $(<$life:lifetime>)?
    ) => {
        const _: () = {
            use $crate::{FlatField, FlatType, Node};
            use $types as wit;

            impl From<wit::$data_type> for FlatType {
                fn from(t: wit::$data_type) -> Self {
                    match t {
                        wit::$data_type::Boolean => Self::Boolean,
                        wit::$data_type::Int8 => Self::Int8,
                        wit::$data_type::Int16 => Self::Int16,
                        wit::$data_type::Int32 => Self::Int32,
                        wit::$data_type::Int64 => Self::Int64,
                        wit::$data_type::Uint8 => Self::Uint8,
                        wit::$data_type::Uint16 => Self::Uint16,
                        wit::$data_type::Uint32 => Self::Uint32,
                        wit::$data_type::Uint64 => Self::Uint64,
                        wit::$data_type::Float32 => Self::Float32,
                        wit::$data_type::Float64 => Self::Float64,
                        wit::$data_type::Decimal128(d) => {
                            Self::Decimal128 { precision: d.precision, scale: d.scale }
                        }
                        wit::$data_type::Utf8 => Self::Utf8,
                        wit::$data_type::Binary => Self::Binary,
                        wit::$data_type::FixedSizeBinary(n) => Self::FixedSizeBinary(n),
                        wit::$data_type::Date32 => Self::Date32,
                        wit::$data_type::Time64 => Self::Time64,
                        wit::$data_type::Timestamp(zone) => Self::Timestamp(zone),
                        wit::$data_type::Duration => Self::Duration,
                        wit::$data_type::ListOf => Self::ListOf,
                        wit::$data_type::StructOf => Self::StructOf,
                        wit::$data_type::MapOf => Self::MapOf,
                    }
                }
            }

            impl<$($life)?> From<&$($life)? FlatType> for wit::$out_type $(<$life>)? {
                fn from(t: &$($life)? FlatType) -> Self {
                    match t {
                        FlatType::Boolean => Self::Boolean,
                        FlatType::Int8 => Self::Int8,
                        FlatType::Int16 => Self::Int16,
                        FlatType::Int32 => Self::Int32,
                        FlatType::Int64 => Self::Int64,
                        FlatType::Uint8 => Self::Uint8,
                        FlatType::Uint16 => Self::Uint16,
                        FlatType::Uint32 => Self::Uint32,
                        FlatType::Uint64 => Self::Uint64,
                        FlatType::Float32 => Self::Float32,
                        FlatType::Float64 => Self::Float64,
                        FlatType::Decimal128 { precision, scale } => {
                            let (precision, scale) = (*precision, *scale);
                            Self::Decimal128(wit::DecimalSize { precision, scale })
                        }
                        FlatType::Utf8 => Self::Utf8,
                        FlatType::Binary => Self::Binary,
                        FlatType::FixedSizeBinary(n) => Self::FixedSizeBinary(*n),
                        FlatType::Date32 => Self::Date32,
                        FlatType::Time64 => Self::Time64,
                        FlatType::Timestamp(zone) => {
                            Self::Timestamp(zone.as_deref().map(Into::into))
                        }
                        FlatType::Duration => Self::Duration,
                        FlatType::ListOf => Self::ListOf,
                        FlatType::StructOf => Self::StructOf,
                        FlatType::MapOf => Self::MapOf,
                    }
                }
            }

            impl From<wit::$field> for FlatField {
                fn from(f: wit::$field) -> Self {
                    Self {
                        name: f.name,
                        data_type: f.data_type.into(),
                        nullable: f.nullable,
                        children: f.children,
                    }
                }
            }

            impl<$($life)?> From<&$($life)? FlatField> for wit::$out_field $(<$life>)? {
                fn from(f: &$($life)? FlatField) -> Self {
                    Self {
                        name: f.name.as_str().into(),
                        data_type: (&f.data_type).into(),
                        nullable: f.nullable,
                        children: f.children,
                    }
                }
            }

            impl From<wit::Node> for Node {
                fn from(n: wit::Node) -> Self {
                    Self { length: n.length, null_count: n.null_count }
                }
            }

            impl From<Node> for wit::Node {
                fn from(n: Node) -> Self {
                    Self { length: n.length, null_count: n.null_count }
                }
            }
        };
    };
}
