//! Where an address is, as a database tells: country, autonomous system, and a point on the map; opens no database.

/// Where an address is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Whereabouts {
    /// ISO code of the country.
    pub country: Option<String>,
    /// Number and name of the autonomous system.
    pub asn: Option<String>,
    /// Latitude and longitude in degrees.
    pub point: Option<(f64, f64)>,
}

/// Tells where an address is.
pub type Locate<'l> = &'l (dyn Fn(&str) -> Option<Whereabouts> + Sync);

impl Whereabouts {
    /// Kilometres between two places, where both are known.
    pub fn distance(&self, other: &Whereabouts) -> Option<f64> {
        const EARTH_KM: f64 = 6_371.0;
        let ((lat, lon), (other_lat, other_lon)) = self.point.zip(other.point)?;
        let (a, b) = (lat.to_radians(), other_lat.to_radians());
        let half = ((a - b) / 2.0).sin().powi(2);
        let across = a.cos() * b.cos() * ((lon - other_lon).to_radians() / 2.0).sin().powi(2);
        Some(2.0 * EARTH_KM * (half + across).sqrt().min(1.0).asin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn berlin_is_far_from_sydney() {
        let at = |lat: f64, lon: f64| Whereabouts { point: Some((lat, lon)), ..Whereabouts::default() };
        let distance = at(52.52, 13.40).distance(&at(-33.87, 151.21)).unwrap();
        assert!((16_000.0..16_200.0).contains(&distance), "{distance}");
        assert_eq!(at(1.0, 1.0).distance(&Whereabouts::default()), None);
    }
}
