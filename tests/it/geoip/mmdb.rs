//! Writes small databases of IPv4 addresses in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>): enough of it for tests.

/// A value of the data section.
pub enum Data {
    Text(&'static str),
    Double(f64),
    Short(u16),
    Number(u32),
    Long(u64),
    /// An empty list.
    Nothing,
    Map(Vec<(&'static str, Data)>),
}

impl Data {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Data::Text(text) => {
                control(2, text.len(), bytes);
                bytes.extend(text.as_bytes());
            }
            Data::Double(number) => {
                control(3, 8, bytes);
                bytes.extend(number.to_be_bytes());
            }
            Data::Number(number) => {
                control(6, 4, bytes);
                bytes.extend(number.to_be_bytes());
            }
            Data::Short(number) => {
                control(5, 2, bytes);
                bytes.extend(number.to_be_bytes());
            }
            // Kinds beyond 7 stand in a byte of their own, less 7.
            Data::Long(number) => {
                bytes.extend([8, 9 - 7]);
                bytes.extend(number.to_be_bytes());
            }
            Data::Nothing => bytes.extend([0, 11 - 7]),
            Data::Map(members) => {
                control(7, members.len(), bytes);
                for (name, value) in members {
                    Data::Text(name).write(bytes);
                    value.write(bytes);
                }
            }
        }
    }
}

fn control(kind: u8, size: usize, bytes: &mut Vec<u8>) {
    if size < 29 {
        bytes.push(kind << 5 | size as u8);
    } else {
        bytes.extend([kind << 5 | 29, (size - 29) as u8]);
    }
}

/// Where a bit of an address leads.
#[derive(Clone, Copy)]
enum Leads {
    Nowhere,
    Node(usize),
    Data(usize),
}

/// The bytes of a database: networks as address and length of prefix, each with its data.
pub fn database(kind: &'static str, networks: &[([u8; 4], u32, Data)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Leads::Nowhere; 2]], Vec::new());
    for (address, prefix, value) in networks {
        insert(&mut nodes, (u32::from_be_bytes(*address), *prefix), data.len());
        value.write(&mut data);
    }
    let mut bytes = Vec::new();
    for side in nodes.iter().flatten() {
        let record = match side {
            Leads::Nowhere => nodes.len(),
            Leads::Node(node) => *node,
            Leads::Data(at) => nodes.len() + 16 + at,
        };
        bytes.extend(&(record as u32).to_be_bytes());
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata = Data::Map(vec![
        ("node_count", Data::Number(nodes.len() as u32)),
        ("record_size", Data::Short(32)),
        ("ip_version", Data::Short(4)),
        ("database_type", Data::Text(kind)),
        ("binary_format_major_version", Data::Short(2)),
        ("binary_format_minor_version", Data::Short(0)),
        ("build_epoch", Data::Long(1_700_000_000)),
        ("languages", Data::Nothing),
        ("description", Data::Map(vec![])),
    ]);
    metadata.write(&mut bytes);
    bytes
}

fn insert(nodes: &mut Vec<[Leads; 2]>, (address, prefix): (u32, u32), data: usize) {
    let mut node = 0;
    for depth in 0..prefix {
        let bit = (address >> (31 - depth) & 1) as usize;
        if depth + 1 == prefix {
            nodes[node][bit] = Leads::Data(data);
            return;
        }
        node = match nodes[node][bit] {
            Leads::Node(next) => next,
            _ => {
                nodes.push([Leads::Nowhere; 2]);
                nodes[node][bit] = Leads::Node(nodes.len() - 1);
                nodes.len() - 1
            }
        };
    }
}
