//! Countries, operators and journeys, by a database of addresses that the test writes: from the command line to alerts and credentials.

use super::program::analyze;
use arrow::array::AsArray;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::path::{Path, PathBuf};

mod mmdb;
use mmdb::{Data, database};

fn city(country: &'static str, latitude: f64, longitude: f64) -> Data {
    Data::Map(vec![
        ("country", Data::Map(vec![("iso_code", Data::Text(country))])),
        ("location", Data::Map(vec![("latitude", Data::Double(latitude)), ("longitude", Data::Double(longitude))])),
    ])
}

fn operator(number: u32, name: &'static str) -> Data {
    Data::Map(vec![
        ("autonomous_system_number", Data::Number(number)),
        ("autonomous_system_organization", Data::Text(name)),
    ])
}

/// Two databases, as people have them: cities and operators.
fn databases(folder: &Path) -> [PathBuf; 2] {
    let cities = database(
        "GeoLite2-City",
        &[
            ([192, 0, 2, 0], 25, city("DE", 52.5, 13.4)),
            ([192, 0, 2, 128], 25, city("DE", 48.1, 11.6)),
            ([203, 0, 113, 0], 24, city("AU", -33.9, 151.2)),
        ],
    );
    let operators = database(
        "GeoLite2-ASN",
        &[([192, 0, 2, 0], 24, operator(64_500, "Home")), ([203, 0, 113, 0], 24, operator(64_501, "Away"))],
    );
    let paths = ["city.mmdb", "asn.mmdb"].map(|name| folder.join(name));
    std::fs::write(&paths[0], cities).unwrap();
    std::fs::write(&paths[1], operators).unwrap();
    paths
}

/// Ten days of a key at home, and calls elsewhere.
fn log(elsewhere: &[(&str, &str)]) -> String {
    let at_home = (0..240).map(|hour| (format!("2026-11-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24), "192.0.2.10"));
    let calls = at_home.chain(elsewhere.iter().map(|(at, ip)| (at.to_string(), *ip)));
    let line = |(at, ip): (String, &str)| {
        format!(
            "{{\"source\":\"test\",\"input_record\":0,\"event_time\":\"{at}\",\"provider\":\"openai\",\"status\":\"success\",\
             \"credential_uid\":\"key1\",\"src_ip\":\"{ip}\",\"operation\":\"chat\"}}\n"
        )
    };
    calls.map(line).collect()
}

/// Detector and words of the alerts about places, and the countries of the key.
fn told(elsewhere: &[(&str, &str)], with_databases: bool) -> (Vec<(String, String)>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (input, out) = (folder.path().join("log.ndjson"), folder.path().join("out"));
    std::fs::write(&input, log(elsewhere)).unwrap();
    let paths = databases(folder.path());
    let more: Vec<&str> = paths.iter().flat_map(|p| ["--geoip", p.to_str().unwrap()]).collect();
    let ran = analyze(&[&input], &out, if with_databases { &more } else { &[] });
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let alerts = std::fs::read_to_string(out.join("alerts.ndjson")).unwrap();
    let alerts = alerts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |alert: &Value, key: &str| alert[key].as_str().unwrap().to_string();
    let about_places =
        |(detector, _): &(String, String)| ["new_country", "new_asn", "impossible_travel"].contains(&detector.as_str());
    let mut told: Vec<_> = alerts.map(|a| (text(&a, "detector"), text(&a, "says"))).filter(about_places).collect();
    told.sort();
    (told, countries(&out.join("credentials.parquet")))
}

/// The countries of the only credential.
fn countries(file: &Path) -> Vec<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(file).unwrap()).unwrap().build().unwrap();
    let batch = reader.into_iter().next().unwrap().unwrap();
    let list = batch.column_by_name("countries").unwrap().as_list::<i32>().value(0);
    let texts = arrow::compute::cast(&list, &arrow::datatypes::DataType::Utf8).unwrap();
    texts.as_string::<i32>().iter().map(|text| text.unwrap().to_string()).collect()
}

#[test]
fn another_continent_within_the_hour_is_told_by_country_operator_and_distance() {
    let (alerts, countries) = told(&[("2026-11-10T23:30:00Z", "203.0.113.9")], true);
    let says = |at: usize| alerts[at].1.as_str();
    let detectors: Vec<&str> = alerts.iter().map(|(detector, _)| detector.as_str()).collect();
    assert_eq!(detectors, ["impossible_travel", "new_asn", "new_country"]);
    assert!(
        says(0).ends_with("DE (192.0.2.10) and AU (203.0.113.9), 16097 km apart, within the same hour"),
        "{}",
        says(0)
    );
    assert!(
        says(1).ends_with("never before with autonomous system AS64501 Away; until then AS64500 Home"),
        "{}",
        says(1)
    );
    assert!(says(2).ends_with("never before with country AU; until then DE"), "{}", says(2));
    assert_eq!(countries, ["AU", "DE"]);
}

#[test]
fn a_journey_by_plane_is_none_and_neither_is_another_town() {
    let (alerts, _) = told(&[("2026-11-12T10:00:00Z", "203.0.113.9")], true);
    let detectors: Vec<&str> = alerts.iter().map(|(detector, _)| detector.as_str()).collect();
    assert_eq!(detectors, ["new_asn", "new_country"]);
    let (alerts, countries) = told(&[("2026-11-10T23:30:00Z", "192.0.2.200")], true);
    assert_eq!((alerts, countries), (vec![], vec!["DE".to_string()]));
}

#[test]
fn without_a_database_nobody_is_anywhere() {
    let (alerts, countries) = told(&[("2026-11-10T23:30:00Z", "203.0.113.9")], false);
    assert_eq!((alerts, countries), (vec![], vec![]));
}
