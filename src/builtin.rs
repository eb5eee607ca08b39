//! The rule and mapping files that are part of the program; knows where they stand, not what they say.

/// Every file under `rules/`, by name: its name, its text, and its documents without their tests, packed by the build (see `yaml::unpack`).
pub const FILES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The cause catalogue.
pub const CAUSES: &str = "rules/causes.yml";
/// Where filters stand that mend rules of others: each is read only where a rule that it names is.
pub const FILTERS: &str = "rules/filters/";
/// Where the mappings stand.
pub const SOURCES: &str = "rules/sources/";

/// The packed documents of a file that is still as it was built in.
pub fn packed(name: &str, text: &str) -> Option<&'static [u8]> {
    let at = FILES.binary_search_by_key(&name, |(name, ..)| name).ok()?;
    Some(FILES[at]).filter(|(_, built_in, packed)| *built_in == text && !packed.is_empty()).map(|(.., packed)| packed)
}
