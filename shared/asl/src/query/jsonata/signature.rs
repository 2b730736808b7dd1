//! Signatures of functions, such as `<s-nn?:s>`: which arguments a function takes.

use std::collections::HashSet;

use super::problem::{Fallible, problem};
use super::value::{Kind, Val};

/// More can't be told apart in reasonable time.
const MOST_PARAMETERS: usize = 64;

/// Which arguments a function takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Signature {
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone)]
struct Parameter {
    /// The symbols of the values that fit; `m`, a missing one, is among them where it is accepted.
    symbols: String,
    is_array: bool,
    /// `a<…>`
    subtype: Option<char>,
    optional: bool,
    many: bool,
    /// `-`: the context takes the place of a missing argument.
    context: bool,
}

impl Signature {
    pub(super) fn parse(text: &str) -> Fallible<Self> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let chars: Vec<char> = text.chars().collect();
        let mut at = 1;
        while let Some(symbol) = chars.get(at).copied() {
            let symbols = match symbol {
                ':' => break,
                's' | 'n' | 'b' | 'l' | 'o' => Some(format!("{symbol}m")),
                'a' | 'x' => Some("asnblfom".to_owned()),
                'f' => Some("f".to_owned()),
                'j' => Some("asnblom".to_owned()),
                '(' => {
                    let end = closing(&chars, at, '(', ')');
                    let choice: String = chars.get(at + 1..end).unwrap_or_default().iter().collect();
                    if choice.contains('<') {
                        return Err(problem("S0402").with_value(choice));
                    }
                    at = end;
                    Some(format!("{choice}m"))
                }
                '<' => {
                    let end = closing(&chars, at, '<', '>');
                    match parameters.last_mut() {
                        Some(last) if last.is_array || last.symbols == "f" => last.subtype = chars.get(at + 1).copied(),
                        _ => return Err(problem("S0401")),
                    }
                    at = end;
                    None
                }
                _ => None,
            };
            match (symbols, parameters.last_mut()) {
                (Some(symbols), _) => parameters.push(Parameter {
                    symbols,
                    is_array: symbol == 'a',
                    subtype: None,
                    optional: false,
                    many: false,
                    context: false,
                }),
                (None, Some(last)) if symbol == '-' => (last.context, last.optional) = (true, true),
                (None, Some(last)) if symbol == '?' => last.optional = true,
                (None, Some(last)) if symbol == '+' => last.many = true,
                (None, _) => {}
            }
            at += 1;
        }
        parameters.truncate(MOST_PARAMETERS);
        Ok(Self { parameters })
    }

    /// How many of `symbols`, from `at` on, each parameter from `number` on takes; the longest first, like a regular
    /// expression.
    fn fit(&self, number: usize, symbols: &[char], taken: &mut Vec<usize>) -> bool {
        self.fit_known(number, symbols, taken, &mut HashSet::new())
    }

    /// `dead` holds what is known not to fit, so that the search stays short.
    fn fit_known(
        &self,
        number: usize,
        symbols: &[char],
        taken: &mut Vec<usize>,
        dead: &mut HashSet<(usize, usize)>,
    ) -> bool {
        if dead.contains(&(number, symbols.len())) {
            return false;
        }
        let Some(parameter) = self.parameters.get(number) else { return symbols.is_empty() };
        let fitting = symbols.iter().take_while(|symbol| parameter.symbols.contains(**symbol)).count();
        let most = if parameter.many { fitting } else { fitting.min(1) };
        let least = usize::from(!parameter.optional);
        for count in (least..=most).rev() {
            taken.push(count);
            if self.fit_known(number + 1, symbols.get(count..).unwrap_or_default(), taken, dead) {
                return true;
            }
            taken.pop();
        }
        dead.insert((number, symbols.len()));
        false
    }

    /// The arguments as the function takes them: completed by the context, single values made arrays.
    pub(super) fn validate<'a>(&self, arguments: Vec<Val<'a>>, context: &Val<'a>) -> Fallible<Vec<Val<'a>>> {
        let symbols: Vec<char> = arguments.iter().map(symbol).collect();
        let mut taken = Vec::new();
        if !self.fit(0, &symbols, &mut taken) {
            return Err(problem("T0410").with_index(self.good_to(&symbols) + 1));
        }
        let mut given = arguments.into_iter();
        let mut place = 0;
        let mut validated = Vec::with_capacity(self.parameters.len());
        for (parameter, count) in self.parameters.iter().zip(taken) {
            if count == 0 {
                if !parameter.context {
                    // As where the argument is left out at the end; one that follows is for the next parameter.
                    validated.push(given.next().unwrap_or(Val::Undefined));
                    place += 1;
                } else if parameter.symbols.contains(symbol(context)) {
                    validated.push(context.clone());
                } else {
                    return Err(problem("T0411").with_index(place + 1));
                }
            }
            for _ in 0..count {
                let Some(argument) = given.next() else { break };
                place += 1;
                validated.push(if parameter.is_array { parameter.array(argument, place)? } else { argument });
            }
        }
        Ok(validated)
    }

    /// How many arguments fit before one doesn't.
    fn good_to(&self, symbols: &[char]) -> usize {
        let mut good = 0;
        for length in 1..=self.parameters.len() {
            let part = Self { parameters: self.parameters.get(..length).unwrap_or_default().to_vec() };
            let matched = (0..=symbols.len())
                .rev()
                .find(|count| part.fit(0, symbols.get(..*count).unwrap_or_default(), &mut Vec::new()));
            match matched {
                Some(count) => good = count,
                None => return good,
            }
        }
        good
    }
}

impl Parameter {
    fn array<'a>(&self, argument: Val<'a>, place: usize) -> Fallible<Val<'a>> {
        let is_array = argument.is_array();
        if argument.is_undefined() {
            return Ok(argument);
        }
        if let Some(subtype) = self.subtype {
            let fits = if is_array {
                argument.items().all(|item| symbol(&item) == subtype)
            } else {
                symbol(&argument) == subtype
            };
            if !fits {
                let mut refusal = problem("T0412").with_index(place);
                refusal.kind = match subtype {
                    'a' => "arrays",
                    'b' => "booleans",
                    'f' => "functions",
                    'n' => "numbers",
                    'o' => "objects",
                    _ => "strings",
                };
                return Err(refusal);
            }
        }
        Ok(if is_array { argument } else { Val::array(vec![argument]) })
    }
}

fn closing(chars: &[char], start: usize, open: char, close: char) -> usize {
    let mut depth = 0;
    for (at, c) in chars.iter().enumerate().skip(start) {
        if *c == open {
            depth += 1;
        } else if *c == close {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    chars.len()
}

fn symbol(value: &Val<'_>) -> char {
    match value.kind() {
        Kind::Undefined => 'm',
        Kind::Null => 'l',
        Kind::Bool => 'b',
        Kind::Number => 'n',
        Kind::Text => 's',
        Kind::Array => 'a',
        Kind::Object => 'o',
        Kind::Function => 'f',
    }
}
