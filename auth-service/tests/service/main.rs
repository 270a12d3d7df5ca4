//! auth-service as a whole: a real server on a free port over a real database file, and the stories of its users.

#[cfg(test)]
mod authorization;
#[cfg(test)]
mod first_login;
#[cfg(test)]
mod house;
#[cfg(test)]
mod local_login;
#[cfg(test)]
mod login_sessions;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod password_change;
#[cfg(test)]
#[path = "../../../chassis/tests/support/raw.rs"]
mod raw;
#[cfg(test)]
mod redirect_login;
#[cfg(test)]
mod searches;
#[cfg(test)]
mod set_up;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod users;
