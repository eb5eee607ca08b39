//! The table of sources for readers who choose which logs to bring: made from the mapping files; writes no file.

use super::mapping::{Account, Mapping};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What each source has to say, its files taken together, by id: its title, and its account.
pub fn accounts(mappings: &[Mapping]) -> BTreeMap<&str, (&str, Account)> {
    let mut accounts: BTreeMap<&str, (&str, Account)> = BTreeMap::new();
    for mapping in mappings.iter().filter(|m| m.file != "keyfault") {
        let (_, account) = accounts.entry(&mapping.source).or_insert((&mapping.title, Account::default()));
        let own = &mapping.account;
        account.forms.extend(own.forms.iter().filter(|f| !f.is_empty()).cloned());
        let first = |told: &mut String, more: &String| {
            if told.is_empty() {
                told.clone_from(more);
            }
        };
        first(&mut account.proves, &own.proves);
        first(&mut account.cannot, &own.cannot);
    }
    accounts
}

/// The table in Markdown.
pub fn page(mappings: &[Mapping]) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let mut page = String::from(
        "# Sources\n\nMade by `keyfault sources list --format markdown` from the mapping files.\n\n\
         | id | what | read in these forms | can prove | cannot |\n|---|---|---|---|---|\n",
    );
    for (id, (title, account)) in accounts(mappings) {
        let (forms, proves, cannot) = (account.forms.join("; "), &account.proves, &account.cannot);
        let _ = writeln!(page, "| `{id}` | {} | {} | {} | {} |", cell(title), cell(&forms), cell(proves), cell(cannot));
    }
    page
}
