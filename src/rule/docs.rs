//! Pages that document rules and causes, made from the rule files themselves: Markdown text; writes no file.

use super::meta::Meta;
use super::set::{Rule, RuleSet};
use crate::model::cause::Cause;
use std::collections::BTreeMap;
use std::fmt::Write;

/// All pages, by path within the folder: one a rule, one a cause, and a list of each.
pub fn pages(set: &RuleSet) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut rules = String::from("# Rules\n\nMade by `keyfault rules docs` from the rule files.\n\n");
    let _ = writeln!(rules, "| rule | level | claims | for |\n|---|---|---|---|");
    for rule in &set.rules {
        let page = page_of(&rule.meta);
        let claims = rule.cause.as_ref().map_or("an alert".into(), |c| format!("`{}`", c.cause));
        let (meta, level) = (&rule.meta, rule.meta.level.name());
        let _ = writeln!(rules, "| [{}]({page}) | {level} | {claims} | {} |", cell(&meta.title), meta.logsource);
        pages.insert(format!("rules/{page}"), rule_page(set, rule));
    }
    for correlation in &set.correlations {
        let (meta, page) = (&correlation.meta, page_of(&correlation.meta));
        let level = meta.level.name();
        let _ = writeln!(rules, "| [{}]({page}) | {level} | an alert | correlation |", cell(&meta.title));
        pages.insert(format!("rules/{page}"), head(meta));
    }
    let mut causes = String::from("# Causes\n\nMade by `keyfault rules docs` from `rules/causes.yml`.\n\n");
    let _ = writeln!(causes, "| cause | title | who must act |\n|---|---|---|");
    for cause in set.causes.iter() {
        let (id, owner) = (&cause.id, cause.owner.name());
        let _ = writeln!(causes, "| [`{id}`]({id}.md) | {} | {owner} |", cell(&cause.title));
        pages.insert(format!("causes/{id}.md"), cause_page(set, cause));
    }
    pages.insert("rules/README.md".into(), rules);
    pages.insert("causes/README.md".into(), causes);
    pages
}

/// The page of a rule: its title in words of a path, and enough of its id to tell it from a namesake.
fn page_of(meta: &Meta) -> String {
    let words = meta.title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    format!("{slug}-{}.md", meta.id.get(..8).unwrap_or(&meta.id))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn head(meta: &Meta) -> String {
    let mut page = format!("# {}\n\n", meta.title);
    if !meta.description.is_empty() {
        let _ = writeln!(page, "{}\n", meta.description);
    }
    let _ = writeln!(page, "- id `{}`, level {}, status {}", meta.id, meta.level.name(), meta.status);
    let license = if meta.license.is_empty() { String::new() } else { format!(", licence {}", meta.license) };
    let _ = writeln!(page, "- by {}{license}, in `{}`", meta.author, meta.file);
    if !meta.tags.is_empty() {
        let _ = writeln!(page, "- tags {}", meta.tags.join(", "));
    }
    page.push_str(&meta.references.iter().map(|r| format!("- <{r}>\n")).collect::<String>());
    page
}

fn rule_page(set: &RuleSet, rule: &Rule) -> String {
    let mut page = head(&rule.meta);
    let _ = writeln!(page, "- for {}\n", rule.meta.logsource);
    match rule.cause.as_ref().and_then(|c| Some((c, set.causes.get(&c.cause)?))) {
        Some((claim, cause)) => {
            let _ = writeln!(
                page,
                "Claims [`{0}`](../causes/{0}.md), {1} ({2}, {3:.2}).",
                cause.id,
                cause.title,
                claim.basis.name(),
                claim.confidence
            );
        }
        None => page.push_str("A match is an alert.\n"),
    }
    let _ = writeln!(page, "\n## Matches when\n\n`{}`\n", rule.detection.conditions.join("` or `"));
    for (name, expr) in &rule.detection.selections {
        let _ = writeln!(page, "- **{name}**");
        for number in expr.predicates() {
            let (subject, matcher) = set.predicate(number);
            let patterns: Vec<String> = matcher.patterns().iter().map(|p| format!("`{p}`")).collect();
            let _ = writeln!(page, "  - {subject} {} {}", matcher.name(), patterns.join(", "));
        }
    }
    if !rule.tests.is_empty() {
        page.push_str("\n## Tested with\n\n");
        page.push_str(&rule.tests.iter().map(|t| format!("- {}\n", t.name)).collect::<String>());
    }
    page
}

fn cause_page(set: &RuleSet, cause: &Cause) -> String {
    let mut page = format!("# {}\n\n`{}`: {}\n\n", cause.title, cause.id, cause.explanation);
    let _ = writeln!(page, "Who must act: {}.", cause.owner.name());
    if !cause.remediation.is_empty() {
        page.push_str("\n## What to do\n\n");
        let steps = cause.remediation.iter().enumerate();
        page.push_str(&steps.map(|(n, step)| format!("{}. {step}\n", n + 1)).collect::<String>());
    }
    let claiming = set.rules.iter().filter(|r| r.cause.as_ref().is_some_and(|c| c.cause == cause.id));
    let lines: String = claiming.map(|r| format!("- [{}](../rules/{})\n", r.meta.title, page_of(&r.meta))).collect();
    if !lines.is_empty() {
        let _ = write!(page, "\n## Rules that claim it\n\n{lines}");
    }
    page.push_str(&cause.references.iter().map(|r| format!("\n<{r}>\n")).collect::<String>());
    page
}
