//! Databases of addresses in MaxMind's format, given by the user: country, autonomous system and point of an address; knows no event.

use crate::error::Error;
use crate::model::whereabouts::Whereabouts;
use maxminddb::{Reader, geoip2};
use std::net::IpAddr;
use std::path::PathBuf;

/// Open databases. What one does not tell the next may.
pub struct GeoIp {
    databases: Vec<Reader<Vec<u8>>>,
}

impl GeoIp {
    /// Opens the databases at these paths.
    pub fn open(paths: &[PathBuf]) -> Result<GeoIp, Error> {
        let open = |path: &PathBuf| {
            Reader::open_readfile(path).map_err(|e| {
                let remedy = "give a .mmdb file, such as GeoLite2-City.mmdb or GeoLite2-ASN.mmdb";
                Error::new(path.display().to_string(), e.to_string(), remedy)
            })
        };
        Ok(GeoIp { databases: paths.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// Whether no database was given.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// Where an address is; none where no database knows.
    pub fn locate(&self, ip: &str) -> Option<Whereabouts> {
        let ip = ip.parse::<IpAddr>().ok()?.to_canonical();
        let mut found = Whereabouts::default();
        for database in &self.databases {
            add(&mut found, database, ip);
        }
        (found != Whereabouts::default()).then_some(found)
    }
}

/// A damaged database tells nothing.
fn add(found: &mut Whereabouts, database: &Reader<Vec<u8>>, ip: IpAddr) {
    let Ok(result) = database.lookup(ip) else { return };
    if let Ok(Some(city)) = result.decode::<geoip2::City<'_>>() {
        found.country = found.country.take().or_else(|| city.country.iso_code.map(str::to_string));
        found.point = found.point.or(city.location.latitude.zip(city.location.longitude));
    }
    if let Ok(Some(asn)) = result.decode::<geoip2::Asn<'_>>()
        && let Some(number) = asn.autonomous_system_number
    {
        let name = asn.autonomous_system_organization.map(|n| format!(" {n}")).unwrap_or_default();
        found.asn = Some(format!("AS{number}{name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::GeoIp;

    #[test]
    fn what_is_no_database_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = GeoIp::open(&[file.path().to_path_buf()]).err().unwrap().to_string();
        assert!(error.contains(".mmdb"), "{error}");
        assert_eq!(GeoIp::open(&[]).unwrap().locate("192.0.2.1"), None);
    }
}
