//! Signing in with Feishu and Lark, against fakes that keep to the vendor's documents and misbehave on demand.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod people;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod room;
