//! Copies of the hostile component that do what no SDK lets an author write: something when an
//! instance is made, or in place of `about`.

const CORE_MODULE: u8 = 1;
const EXPORTS: u8 = 7;
const START: u8 = 8;

/// Runs the core function `name` whenever an instance is made.
pub fn at_start(component: &[u8], name: &str) -> Vec<u8> {
    with_module(component, |module| {
        let mut start = Vec::new();
        put(&mut start, exports(module).find(|export| export.name == name)?.function);
        let mut changed = module[..8].to_vec();
        for (id, payload) in sections(&module[8..]) {
            section(&mut changed, id, payload);
            if id == EXPORTS {
                section(&mut changed, START, &start);
            }
        }
        Some(changed)
    })
}

/// Runs the core function `by` where `instead_of` is called; both have the same type.
pub fn instead(component: &[u8], instead_of: &str, by: &str) -> Vec<u8> {
    with_module(component, |module| {
        let by = exports(module).find(|export| export.name == by)?.function;
        let mut payload = Vec::new();
        put(&mut payload, exports(module).count() as u32);
        for export in exports(module) {
            put(&mut payload, export.name.len() as u32);
            payload.extend(export.name.as_bytes());
            payload.push(export.kind);
            put(&mut payload, if export.name == instead_of { by } else { export.function });
        }
        let mut changed = module[..8].to_vec();
        for (id, old) in sections(&module[8..]) {
            section(&mut changed, id, if id == EXPORTS { &payload } else { old });
        }
        Some(changed)
    })
}

/// The component with the first of its modules changed that can be.
fn with_module(component: &[u8], change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut changed = component[..8].to_vec();
    let mut done = false;
    for (id, payload) in sections(&component[8..]) {
        match (id == CORE_MODULE && !done).then(|| change(payload)).flatten() {
            Some(module) => {
                section(&mut changed, id, &module);
                done = true;
            }
            None => section(&mut changed, id, payload),
        }
    }
    assert!(done, "no module has what is wanted");
    changed
}

struct Export<'a> {
    name: &'a str,
    kind: u8,
    function: u32,
}

fn exports(module: &[u8]) -> impl Iterator<Item = Export<'_>> {
    let found = sections(&module[8..]).find(|(id, _)| *id == EXPORTS);
    let mut rest = found.map(|(_, payload)| payload).unwrap_or_default();
    let count = if rest.is_empty() { 0 } else { take(&mut rest) };
    (0..count).map(move |_| {
        let length = take(&mut rest) as usize;
        let (name, after) = rest.split_at(length);
        let kind = after[0];
        rest = &after[1..];
        Export { name: std::str::from_utf8(name).unwrap(), kind, function: take(&mut rest) }
    })
}

fn sections(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (id, after) = rest.split_first()?;
        rest = after;
        let length = take(&mut rest) as usize;
        let (payload, after) = rest.split_at(length);
        rest = after;
        Some((*id, payload))
    })
}

fn section(out: &mut Vec<u8>, id: u8, payload: &[u8]) {
    out.push(id);
    put(out, payload.len() as u32);
    out.extend(payload);
}

/// A number as WebAssembly has it: seven bits in a byte, the lowest first.
fn take(rest: &mut &[u8]) -> u32 {
    let end = rest.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let (bytes, after) = rest.split_at(end + 1);
    *rest = after;
    bytes.iter().rev().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f))
}

fn put(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
