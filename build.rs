//! Embeds every file under `rules/`, so that adding a rule or a mapping is adding a file: its text, and its documents read already, without
//! their tests, which no analysis needs.

#[allow(dead_code, missing_docs, reason = "shared with the program, which uses more of it")]
#[path = "src/error.rs"]
mod error;
#[allow(dead_code, missing_docs, reason = "shared with the program, which uses more of it")]
#[path = "src/yaml.rs"]
mod yaml;

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[expect(clippy::disallowed_methods, reason = "cargo tells build scripts by environment where things are")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=src/yaml.rs");
    println!("cargo::rerun-if-changed=src/error.rs");
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let mut files = Vec::new();
    collect(&root.join("rules"), &mut files)?;
    let name = |file: &PathBuf| file.strip_prefix(&root).unwrap_or(file).to_string_lossy().replace('\\', "/");
    files.sort_by_key(name);
    let mut code = String::from("&[\n");
    for (number, file) in files.iter().enumerate() {
        let name = name(file);
        let packed = out.join(format!("packed{number}"));
        std::fs::write(&packed, pack(&name, &std::fs::read_to_string(file)?)?)?;
        let (text, packed) = (file.to_string_lossy(), packed.to_string_lossy());
        let _ = writeln!(code, "    ({name:?}, include_str!({text:?}), include_bytes!({packed:?})),");
    }
    code.push_str("]\n");
    Ok(std::fs::write(out.join("builtin.rs"), code)?)
}

/// The documents of a file without their tests; a file that is not valid YAML is left for the program to complain of.
fn pack(name: &str, text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let Ok(mut documents) = yaml::parse(name, text) else { return Ok(Vec::new()) };
    for document in &mut documents {
        if let yaml::Kind::Map(entries) = &mut document.kind {
            entries.retain(|(key, _)| key.text != "tests");
        }
    }
    Ok(postcard::to_allocvec(&documents)?)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "yml") {
            files.push(path);
        }
    }
    Ok(())
}
