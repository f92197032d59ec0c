//! Who a person is: the user that the system says it is, never what a request or the environment says.

use std::io;
use std::os::unix::net::UnixStream;

/// Whoever runs this process: the name of its user, `uid-NUMBER` where the system has no name for it.
#[must_use]
pub fn person() -> String {
    name(rustix::process::geteuid().as_raw())
}

/// Whoever is at the other end of a connection.
///
/// # Errors
/// What the system says.
#[cfg(target_os = "linux")]
pub(super) fn peer(connection: &UnixStream) -> io::Result<String> {
    let credentials = rustix::net::sockopt::socket_peercred(connection)?;
    Ok(name(credentials.uid.as_raw()))
}

/// Whoever is at the other end of a connection: other systems let nobody but the socket's own user connect.
#[cfg(not(target_os = "linux"))]
pub(super) fn peer(_: &UnixStream) -> io::Result<String> {
    Ok(person())
}

fn name(user: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    named(&known, user).unwrap_or_else(|| format!("uid-{user}"))
}

/// The name of a user in the text of `/etc/passwd`: `name:password:number:...`.
fn named(known: &str, user: u32) -> Option<String> {
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == user).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_that_the_system_gives_it() {
        let known =
            "root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/:\ntrader:x:1000:1000::/home/t:\n";
        assert_eq!(named(known, 1_000).as_deref(), Some("trader"));
        assert_eq!(named(known, 0).as_deref(), Some("root"));
        assert_eq!(named(known, 7), None);
        assert_eq!(name(u32::MAX - 7), format!("uid-{}", u32::MAX - 7));
    }

    #[test]
    fn both_ends_of_a_connection_know_whose_they_are() {
        let (one, _other) = UnixStream::pair().unwrap();
        assert_eq!(peer(&one).unwrap(), person());
        let asked = std::process::Command::new("id").arg("-u").output().unwrap();
        let number: u32 = String::from_utf8(asked.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert_eq!(person(), name(number));
    }
}
