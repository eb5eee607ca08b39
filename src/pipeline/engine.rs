//! Rules and mappings of a run, compiled against each other.

use crate::builtin::{CAUSES, FILES, FILTERS, SOURCES};
use crate::error::Error;
use crate::model::cause::CauseClaim;
use crate::model::records::{LogSource, Projection};
use crate::rule::index::{ANOMALY, DIAGNOSIS, SourceRules};
use crate::rule::lint::{Lint, Severity};
use crate::rule::set::{RuleFile, RuleSet};
use crate::source::known::Projections;
use crate::source::mapper::Mapper;
use crate::source::mapping::Mapping;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The texts that rules and mappings are made from.
#[derive(Debug, Clone, Default)]
pub struct RuleSources {
    /// `causes.yml`.
    pub causes: Option<RuleFile>,
    /// Rule files.
    pub rules: Vec<RuleFile>,
    /// Filters for rules that may be among them.
    pub filters: Vec<RuleFile>,
    /// Mapping files.
    pub mappings: Vec<RuleFile>,
    /// Whether the tests in the program's own files are wanted.
    pub with_tests: bool,
    /// The day on which overrides are in force, `YYYY-MM-DD`; empty for all of them.
    pub today: String,
}

/// How an engine is put together.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only this source.
    pub only_source: Option<String>,
    /// Leave broken rules out instead of refusing to start.
    pub skip_broken_rules: bool,
}

/// Compiled rules and mappings.
pub struct Engine<'r> {
    /// The rules.
    pub rules: &'r RuleSet,
    /// The mappings.
    pub mapper: Mapper<'r>,
    /// The mappings of inventories alone.
    pub inventories: Mapper<'r>,
    /// The claims of all rules by number, and then of all correlations.
    pub claims: Arc<[Option<CauseClaim>]>,
    by_source: Arc<BySource<'r>>,
}

/// The rules of each source, chosen when the source is first met: a run meets few of many.
struct BySource<'r> {
    rules: &'r RuleSet,
    sources: BTreeMap<String, (Vec<LogSource>, OnceLock<SourceRules<'r>>)>,
}

impl<'r> BySource<'r> {
    fn get(&self, source: &str) -> Option<&SourceRules<'r>> {
        let (logsources, rules) = self.sources.get(source)?;
        Some(rules.get_or_init(|| self.rules.for_source(source, logsources)))
    }
}

impl RuleSources {
    /// The files that are part of the program.
    pub fn builtin() -> RuleSources {
        let file = |(name, text, _): &(&str, &str, &[u8])| RuleFile { name: name.to_string(), text: text.to_string() };
        let is_rule = |name: &str| name != CAUSES && !name.starts_with(SOURCES) && !name.starts_with(FILTERS);
        RuleSources {
            causes: FILES.iter().find(|(n, ..)| *n == CAUSES).map(file),
            rules: FILES.iter().filter(|(n, ..)| is_rule(n)).map(file).collect(),
            filters: FILES.iter().filter(|(n, ..)| n.starts_with(FILTERS)).map(file).collect(),
            mappings: FILES.iter().filter(|(n, ..)| n.starts_with(SOURCES)).map(file).collect(),
            with_tests: true,
            today: String::new(),
        }
    }

    /// Loads causes and rules. Everything wrong with rule files is in the lints.
    pub fn rule_set(&self) -> Result<(RuleSet, Vec<Lint>), Error> {
        let causes = match &self.causes {
            Some(file) => crate::rule::causes::parse(&file.name, &file.text)?,
            None => Default::default(),
        };
        let filters = self.filters.iter().filter(|filter| self.holds_rule_of(filter));
        let files: Vec<RuleFile> = self.rules.iter().chain(filters).cloned().collect();
        Ok(RuleSet::load(&files, causes, &self.today, self.with_tests))
    }

    /// Whether a rule that a filter names, by id in a list, is at hand.
    fn holds_rule_of(&self, filter: &RuleFile) -> bool {
        let names = filter.text.lines().filter_map(|line| line.trim().strip_prefix("- "));
        let is_called = |rule: &RuleFile, id: &str| {
            rule.text.lines().any(|l| l.strip_prefix("id:").is_some_and(|i| i.trim() == id))
        };
        names.into_iter().any(|id| self.rules.iter().any(|rule| is_called(rule, id)))
    }

    /// Parses the mappings, and adds the one by which rules' tests and our own event tables are read.
    pub fn parse_mappings(&self) -> Result<Vec<Mapping>, Error> {
        let read = |f: &RuleFile| Mapping::read(&f.name, &f.documents(self.with_tests)?);
        let mut mappings = self.mappings.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        mappings.push(Mapping::identity());
        Ok(mappings)
    }
}

/// Refuses to go on with broken rules.
pub fn check_rules(lints: &[Lint], options: &Options) -> Result<Vec<Lint>, Error> {
    let broken: Vec<Lint> = lints.iter().filter(|l| l.severity == Severity::Error).cloned().collect();
    match broken.first() {
        Some(first) if !options.skip_broken_rules => {
            let more = if broken.len() > 1 { format!(" (and {} more)", broken.len() - 1) } else { String::new() };
            let remedy = format!(
                "{}{}`keyfault rules lint` lists all; --skip-broken-rules goes on without them",
                first.error.remedy,
                if first.error.remedy.is_empty() { "" } else { "; " }
            );
            Err(Error::new(first.error.place.clone(), format!("{}{more}", first.error.thing), remedy))
        }
        _ => Ok(broken),
    }
}

impl<'r> Engine<'r> {
    /// Compiles mappings against rules.
    pub fn new(rules: &'r RuleSet, mappings: Vec<Mapping>, options: &Options) -> Result<Engine<'r>, Error> {
        let mut sources: BTreeMap<String, (Vec<LogSource>, OnceLock<SourceRules<'r>>)> = BTreeMap::new();
        for mapping in &mappings {
            sources.entry(mapping.source.clone()).or_default().0.extend(mapping.logsources.iter().cloned());
        }
        sources.entry(DIAGNOSIS.into()).or_default();
        sources.entry(ANOMALY.into()).or_default();
        let by_source = Arc::new(BySource { rules, sources });
        let wanted = by_source.clone();
        let projections: Projections<'r> =
            Arc::new(move |source| wanted.get(source).map_or_else(Projection::default, |s| s.projection().clone()));
        let lists = mappings.iter().filter(|m| !m.inventory.is_empty()).cloned().collect();
        let inventories = Mapper::new(lists, projections.clone(), None)?;
        let mapper = Mapper::new(mappings, projections, options.only_source.as_deref())?;
        Ok(Engine { rules, mapper, inventories, claims: rules.claims().into(), by_source })
    }

    /// The rules that a source can meet.
    pub fn rules_of(&self, source: &str) -> Option<&SourceRules<'r>> {
        self.by_source.get(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_only_where_a_rule_that_it_names_is() {
        let rule = "title: x\nid: 055fb148-60f8-462d-ad16-26926ce050f1\nlogsource: {product: aws, service: cloudtrail}\n\
                    detection: {selection: {eventName: UpdateLoginProfile}, condition: selection}\n";
        let other = rule.replace("055fb148", "055fb149");
        let related = format!("{other}related: [{{id: 055fb148-60f8-462d-ad16-26926ce050f1, type: derived}}]\n");
        for (text, filters) in [(rule.to_string(), 1), (other, 0), (related, 0)] {
            let rules = vec![RuleFile { name: "own.yml".into(), text }];
            let (set, lints) = RuleSources { rules, ..RuleSources::builtin() }.rule_set().unwrap();
            assert_eq!((set.rules[0].filters.len(), lints), (filters, vec![]));
        }
    }
}
