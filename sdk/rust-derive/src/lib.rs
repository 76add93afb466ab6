//! `#[derive(FromRow)]` and `#[derive(IntoColumns)]`; see the crate `millrace-plugin`.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Field, Fields, Ident, Type, parse_macro_input};

/// Reads a struct from one row of a batch.
#[proc_macro_derive(FromRow)]
pub fn from_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand_from_row(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Collects structs into columns.
#[proc_macro_derive(IntoColumns)]
pub fn into_columns(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand_into_columns(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

struct Column {
    ident: Ident,
    name: String,
    ty: Type,
}

fn columns(input: &DeriveInput) -> syn::Result<Vec<Column>> {
    let wrong = || syn::Error::new_spanned(&input.ident, "only a struct with named fields will do");
    let Data::Struct(data) = &input.data else { return Err(wrong()) };
    let Fields::Named(fields) = &data.fields else { return Err(wrong()) };
    fields.named.iter().map(|field| column(field).ok_or_else(wrong)).collect()
}

fn column(field: &Field) -> Option<Column> {
    let ident = field.ident.clone()?;
    let name = ident.to_string().trim_start_matches("r#").to_owned();
    Some(Column { ident, name, ty: field.ty.clone() })
}

fn expand_from_row(input: &DeriveInput) -> syn::Result<Tokens> {
    let columns = columns(input)?;
    let ident = &input.ident;
    let (_, type_generics, where_clause) = input.generics.split_for_impl();
    let own = input.generics.lifetimes().next().map(|l| l.lifetime.clone());
    let life = own.unwrap_or_else(|| syn::Lifetime::new("'a", proc_macro2::Span::call_site()));
    let idents: Vec<_> = columns.iter().map(|c| &c.ident).collect();
    let names: Vec<_> = columns.iter().map(|c| &c.name).collect();
    let types: Vec<_> = columns.iter().map(|c| &c.ty).collect();
    let slots: Vec<_> = (0..columns.len()).map(syn::Index::from).collect();
    Ok(quote! {
        impl<#life> ::millrace_plugin::FromRow<#life> for #ident #type_generics #where_clause {
            type Columns = (#(&#life <#types as ::millrace_plugin::Cell<#life>>::Column,)*);
            const COLUMNS: &'static [&'static str] = &[#(#names),*];

            fn bind(
                batch: &#life ::millrace_plugin::private::arrow_array::RecordBatch,
            ) -> ::core::result::Result<Self::Columns, ::millrace_plugin::Failure> {
                Ok((#(<#types as ::millrace_plugin::Cell<#life>>::bind(batch, #names)?,)*))
            }

            fn read(
                columns: &Self::Columns,
                row: usize,
            ) -> ::core::result::Result<Self, ::millrace_plugin::RowError> {
                Ok(Self {#(
                    #idents: match <#types as ::millrace_plugin::Cell<#life>>::get(columns.#slots, row) {
                        Some(value) => value,
                        None => return Err(::millrace_plugin::RowError {
                            row: row as u32,
                            code: ::std::string::String::from("missing"),
                            message: ::std::string::String::from("is null and must have a value"),
                            column: Some(::std::string::String::from(#names)),
                        }),
                    },
                )*})
            }
        }
    })
}

fn expand_into_columns(input: &DeriveInput) -> syn::Result<Tokens> {
    let columns = columns(input)?;
    let ident = &input.ident;
    let builders = format_ident!("{ident}Builders");
    let visibility = &input.vis;
    let idents: Vec<_> = columns.iter().map(|c| &c.ident).collect();
    let names: Vec<_> = columns.iter().map(|c| &c.name).collect();
    let types: Vec<_> = columns.iter().map(|c| &c.ty).collect();
    Ok(quote! {
        #[doc(hidden)]
        #[derive(Default)]
        #visibility struct #builders {
            #(#idents: <#types as ::millrace_plugin::IntoCell>::Builder,)*
        }

        impl ::millrace_plugin::IntoColumns for #ident {
            type Builders = #builders;

            fn fields() -> ::std::vec::Vec<::millrace_plugin::private::arrow_schema::Field> {
                ::std::vec![#(::millrace_plugin::private::arrow_schema::Field::new(
                    #names,
                    <#types as ::millrace_plugin::IntoCell>::data_type(),
                    <#types as ::millrace_plugin::IntoCell>::NULLABLE,
                ),)*]
            }

            fn append(self, builders: &mut Self::Builders) {
                #(<#types as ::millrace_plugin::IntoCell>::append(self.#idents, &mut builders.#idents);)*
            }

            fn finish(
                builders: Self::Builders,
            ) -> ::std::vec::Vec<::millrace_plugin::private::arrow_array::ArrayRef> {
                ::std::vec![#(<#types as ::millrace_plugin::IntoCell>::finish(builders.#idents),)*]
            }
        }
    })
}
