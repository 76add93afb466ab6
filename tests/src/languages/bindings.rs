//! Generated bindings that are kept in the repository: they must be those of the contract.

use std::collections::BTreeMap;
use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator};

use super::repository;

const WORLDS: [&str; 4] = ["transform", "keyed", "aggregate", "scalar"];

fn generated(world: &str, mut generator: Box<dyn WorldGenerator>) -> BTreeMap<String, Vec<u8>> {
    let mut contract = Resolve::default();
    let (package, _) = contract.push_path(repository().join("wit")).unwrap();
    let world = contract.select_world(&[package], Some(world)).unwrap();
    let mut files = Files::default();
    generator.generate(&mut contract, world, &mut files).unwrap();
    files.iter().map(|(name, bytes)| (name.to_owned(), bytes.to_owned())).collect()
}

/// C's are kept byte by byte as they are generated.
#[test]
fn the_bindings_for_c_are_those_of_the_contract() {
    for world in WORLDS {
        let options = wit_bindgen_c::Opts {
            rename_world: Some("guest".to_owned()),
            ..wit_bindgen_c::Opts::default()
        };
        let files = generated(world, options.build());
        assert_eq!(files.len(), 3, "{:?}", files.keys());
        for (name, bytes) in files {
            let path = repository().join("sdk/c/gen").join(world).join(&name);
            let kept = std::fs::read(&path).unwrap();
            assert!(kept == bytes, "{} is not what wit-bindgen makes of wit/", path.display());
        }
    }
}

/// The lines of a file without what gofmt changes: white space and the order of imports.
fn lines(text: &str) -> Vec<String> {
    let squeezed = |line: &str| line.split_whitespace().collect::<String>();
    let mut lines: Vec<String> = text.lines().map(squeezed).filter(|l| !l.is_empty()).collect();
    lines.sort();
    lines
}

/// Go's are kept as gofmt leaves them, and import the package beside them.
#[test]
fn the_bindings_for_go_are_those_of_the_contract() {
    let kept = repository().join("sdk/go/internal/wit");
    let mut compared = 0;
    for world in WORLDS {
        let options = wit_bindgen_go::Opts {
            pkg_name: Some("millrace/internal/wit".to_owned()),
            quiet: true,
            ..wit_bindgen_go::Opts::default()
        };
        for (name, bytes) in generated(world, options.build()) {
            let place = match name.strip_prefix("exports/wit_exports/") {
                Some(file) => Path::new(world).join(file),
                None if name.starts_with("imports/") => name.clone().into(),
                None => continue,
            };
            let path = kept.join(place);
            let kept = std::fs::read_to_string(&path)
                .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let text = String::from_utf8(bytes).unwrap();
            let text = text.replace("go.bytecodealliance.org/pkg/wit/", "millrace/internal/wit/");
            assert_eq!(lines(&kept), lines(&text), "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 8, "{compared}");
}
