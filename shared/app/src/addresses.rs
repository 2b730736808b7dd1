//! Which addresses are somebody else's: one that a user gives may lead into the network that this process stands in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Is an address one of the public internet, and of nothing special?
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>, `…-ipv6-…`)
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, third, _] = ip.octets();
    let special = match (first, second, third) {
        // This network, loopback, multicast and what is reserved.
        (0 | 10 | 127 | 224.., _, _) => true,
        // Shared between carriers, link-local (metadata services), private.
        (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _) => true,
        // Protocols, documentation, relays, benchmarks.
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    // Only global unicast, without documentation, Teredo, ORCHID, 6to4 and the rest of 2001::/23.
    first & 0xe000 == 0x2000
        && first != 0x2002
        && !(first == 0x2001 && (second < 0x0200 || second == 0x0db8))
        && !(first == 0x3fff && second < 0x1000)
}

/// What is wrong with the host of an address that a user gives, as far as its text tells: what a name stands for is to be
/// checked when it is connected to.
#[must_use]
pub fn problem_of_host(host: &str) -> Option<&'static str> {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let own = host == "localhost" || host.ends_with(".localhost") || !host.contains(['.', ':']);
    (own || host.parse::<IpAddr>().is_ok_and(|ip| !is_public(ip)))
        .then_some("must be an address of the public internet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for (ip, expected) in [
            ("8.8.8.8", true),
            ("172.32.0.1", true),
            ("100.128.0.1", true),
            ("2606:4700::1111", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.31.255.255", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("203.0.113.9", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("fc00::1", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("2001:db8::1", false),
            ("2002:a00:1::", false),
            ("ff02::1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:8.8.8.8", true),
            ("::7f00:1", false),
            ("::ffff:0:127.0.0.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2001:10::1", false),
            ("3fff::1", false),
            ("fec0::1", false),
            ("5f00::1", false),
            ("100::1", false),
        ] {
            assert_eq!(is_public(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
