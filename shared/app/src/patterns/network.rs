//! Networks in CIDR notation.

use std::net::IpAddr;

/// A network of IPv4 or IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u32,
}

/// An address as a number in the highest bits, with how many it has.
fn number(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

impl Network {
    /// Reads `10.0.0.0/24` or `2001:db8::/32`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let is_plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = bits.parse().ok().filter(|bits| is_plain && *bits <= number(address).1)?;
        Some(Self { address, bits })
    }

    /// Is the text an address in it?
    pub(super) fn contains(&self, text: &str) -> bool {
        let Ok(address) = text.parse::<IpAddr>() else { return false };
        let ((own, length), (other, other_length)) = (number(self.address), number(address));
        // No bits at all are shifted out of everything.
        length == other_length && (own ^ other).checked_shr(128 - self.bits).unwrap_or_default() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_kinds() {
        for (network, inside, outside) in [
            ("10.0.0.0/24", "10.0.0.255", "10.0.1.0"),
            ("10.0.0.7/24", "10.0.0.1", "10.1.0.7"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.2"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:0DB8:ffff::1", "2001:db9::"),
            ("::1/128", "0:0:0:0:0:0:0:1", "::2"),
            ("::/0", "ffff::", "10.0.0.1"),
            ("10.0.0.0/33", "", ""),
        ] {
            match Network::parse(network) {
                Some(read) => {
                    assert!(read.contains(inside), "{network} {inside}");
                    assert!(!read.contains(outside), "{network} {outside}");
                    assert!(!read.contains("no address") && !read.contains("") && !read.contains("10.0.0.1/32"));
                }
                None => assert_eq!(inside, "", "{network}"),
            }
        }
        for wrong in ["10.0.0.0", "10.0.0.0/", "10.0.0/8", "10.0.0.0/+8", "a/8", "::/129", "10.0.0.0/8/8"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
