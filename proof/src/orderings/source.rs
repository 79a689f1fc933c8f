//! Where the protocol's files order memory, fence, and wake: found by parsing them, and none passed over.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Stmt};

use super::labels::Labels;
use super::order::{Access, Order};

/// The calls that fence.
const FENCES: &[&str] = &["heavy_fence", "light_fence"];
/// The calls that wake somebody, and whether they answer a bool or nothing.
const WAKES: &[(&str, bool)] =
    &[("futex_wake", true), ("wake_one", true), ("wake", false), ("wake_for_each", false), ("wake_all", false)];

/// One file of the protocol.
pub(crate) struct File {
    /// Below `src/protocol`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) sites: Vec<Site>,
}

/// One ordering, fence or wake-up.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) file: String,
    /// Where in the file: the type and the function.
    pub(crate) function: String,
    /// The label of the comment beside an ordering; empty for a fence or a wake-up.
    pub(crate) label: String,
    /// What that comment says.
    pub(crate) reason: String,
    /// The word and the operation, as `stamp.store`.
    pub(crate) access: String,
    pub(crate) kind: Kind,
    /// The ordering's or the call's bytes in the file.
    pub(crate) span: Range<usize>,
}

/// What stands at a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ordering(Order, Access),
    /// A call that returns nothing.
    Call,
    /// A call whose answer is used.
    Asking,
}

/// What can be done to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    Weaken(Order),
    LeaveOut,
    /// The call is left out, and the answer is this.
    Answer(bool),
}

impl Site {
    /// All mutations of the site, in the order of the table.
    pub(crate) fn mutations(&self) -> Vec<Mutation> {
        match self.kind {
            Kind::Ordering(order, access) => order.weaker(access).into_iter().map(Mutation::Weaken).collect(),
            Kind::Call => vec![Mutation::LeaveOut],
            Kind::Asking => vec![Mutation::Answer(false), Mutation::Answer(true)],
        }
    }

    /// What stands there, as the table has it.
    pub(crate) fn original(&self) -> String {
        match self.kind {
            Kind::Ordering(order, _) => order.to_string(),
            Kind::Call | Kind::Asking => "the call".to_owned(),
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mutation::Weaken(order) => write!(f, "{order}"),
            Mutation::LeaveOut => f.write_str("left out"),
            Mutation::Answer(answer) => write!(f, "left out, as if {answer}"),
        }
    }
}

/// Parses all files below `protocol`, in the order of their paths.
pub(crate) fn read(protocol: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for path in super::tree::files(protocol)? {
        let text = std::fs::read_to_string(protocol.join(&path)).with_context(|| path.clone())?;
        files.push(parse(path, text)?);
    }
    Ok(files)
}

/// Finds the sites of one file.
pub(crate) fn parse(path: String, text: String) -> Result<File> {
    let syntax = syn::parse_file(&text).with_context(|| format!("{path} cannot be parsed"))?;
    let labels = Labels::read(&text);
    let mut finder = Finder {
        path: &path,
        labels: &labels,
        sites: Vec::new(),
        faults: Vec::new(),
        at: Vec::new(),
        names: Vec::new(),
        done: 0,
    };
    finder.visit_file(&syntax);
    let Finder { sites, mut faults, done, .. } = finder;
    // What stands in a macro's arguments is tokens and not syntax, and an import or a constant hides an ordering from its access.
    let named = orderings_named(text.parse::<TokenStream>().map_err(|fault| anyhow::anyhow!("{path}: {fault}"))?);
    if named != done {
        faults.push(format!(
            "{path}: {named} orderings are named, {done} of them as an argument of an access or a fence"
        ));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(File { path, text, sites })
}

/// How often an ordering is named, wherever.
fn orderings_named(tokens: TokenStream) -> usize {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => orderings_named(group.stream()),
            TokenTree::Ident(ident) => usize::from(Order::named(&ident.to_string()).is_some()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => 0,
        })
        .sum()
}

struct Finder<'a> {
    path: &'a str,
    labels: &'a Labels,
    sites: Vec<Site>,
    faults: Vec<String>,
    /// The first lines of the statements that we are in.
    at: Vec<usize>,
    /// The type and the functions that we are in.
    names: Vec<String>,
    /// How many orderings were met as arguments.
    done: usize,
}

impl Finder<'_> {
    fn within(&mut self, name: String, visit: impl FnOnce(&mut Self)) {
        self.names.push(name);
        visit(self);
        self.names.pop();
    }

    fn ordering(&mut self, argument: &Expr, access: String, kind: Access) {
        let Some(order) = order_of(argument) else { return };
        self.done += 1;
        let line = argument.span().start().line;
        match self.labels.of(line, self.at.last().copied()) {
            Some(label) => {
                let (label, reason) = label.clone();
                self.push(label, reason, access, Kind::Ordering(order, kind), argument.span().byte_range());
            }
            None => self.faults.push(format!("{}:{line}: no comment `ORDER [label]` beside this {order}", self.path)),
        }
    }

    fn push(&mut self, label: String, reason: String, access: String, kind: Kind, span: Range<usize>) {
        let (file, function) = (self.path.to_owned(), self.names.join("::"));
        self.sites.push(Site { file, function, label, reason, access, kind, span });
    }

    fn call(&mut self, name: &str, span: Range<usize>) {
        let asks = WAKES.iter().find(|(wake, _)| *wake == name).map(|&(_, asks)| asks);
        if asks.is_some() || FENCES.contains(&name) {
            let kind = if asks == Some(true) { Kind::Asking } else { Kind::Call };
            self.push(String::new(), String::new(), name.to_owned(), kind, span);
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let name = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.within(name.unwrap_or_else(|| "impl".to_owned()), |finder| visit::visit_item_impl(finder, item));
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.within(item.ident.to_string(), |finder| visit::visit_item_trait(finder, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.within(item.sig.ident.to_string(), |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(item.sig.ident.to_string(), |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.within(item.sig.ident.to_string(), |finder| visit::visit_trait_item_fn(finder, item));
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        self.at.push(statement.span().start().line);
        let before = self.sites.len();
        visit::visit_stmt(self, statement);
        if let Stmt::Expr(Expr::MethodCall(_) | Expr::Call(_), Some(_)) = statement {
            // Nobody asks what the call itself answers.
            for site in &mut self.sites[before..] {
                if site.kind == Kind::Asking && site.span.start == statement.span().byte_range().start {
                    site.kind = Kind::Call;
                }
            }
        }
        self.at.pop();
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let method = call.method.to_string();
        let exchange = method.starts_with("compare_exchange");
        for (index, argument) in call.args.iter().enumerate() {
            let on_failure = exchange && index == 3;
            let kind = match method.as_str() {
                "load" => Access::Load,
                "store" => Access::Store,
                _ if on_failure => Access::Load,
                _ => Access::Modify,
            };
            let access = format!("{}.{method}{}", word(&call.receiver), if on_failure { ", failing" } else { "" });
            self.ordering(argument, access, kind);
        }
        self.call(&method, call.span().byte_range());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let name = path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            if name == "fence" || name == "compiler_fence" {
                for argument in &call.args {
                    self.ordering(argument, name.clone(), Access::Fence);
                }
                self.push(String::new(), String::new(), name, Kind::Call, call.span().byte_range());
            } else {
                self.call(&name, call.span().byte_range());
            }
        }
        visit::visit_expr_call(self, call);
    }
}

/// `Ordering::Release`, or `Release` where that was imported.
fn order_of(expression: &Expr) -> Option<Order> {
    let Expr::Path(path) = expression else { return None };
    Order::named(&path.path.segments.last()?.ident.to_string())
}

/// What an access is made to: `stamp` of `self.memory.stamp(slot)`.
fn word(receiver: &Expr) -> String {
    match receiver {
        Expr::MethodCall(call) => call.method.to_string(),
        Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        Expr::Field(field) => match &field.member {
            syn::Member::Named(name) => name.to_string(),
            syn::Member::Unnamed(index) => index.index.to_string(),
        },
        Expr::Unsafe(block) => match block.block.stmts.last() {
            Some(Stmt::Expr(inner, None)) => word(inner),
            _ => "?".to_owned(),
        },
        Expr::Paren(inner) => word(&inner.expr),
        Expr::Reference(inner) => word(&inner.expr),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(text: &str) -> Result<Vec<Site>> {
        Ok(parse("a.rs".to_owned(), text.to_owned())?.sites)
    }

    #[test]
    fn an_ordering_has_its_label_its_word_and_its_function() {
        let text = "impl Tx<M> {\n fn publish(&self) {\n  // ORDER [publish]: Release, because.\n  // SAFETY: it is.\n  \
                    unsafe { self.memory.word(self.at.offset()) }\n   .store(1, Ordering::Release);\n }\n}";
        let [site] = sites(text).unwrap().try_into().unwrap();
        assert_eq!((&*site.function, &*site.label, &*site.access), ("Tx::publish", "publish", "word.store"));
        assert_eq!(site.kind, Kind::Ordering(Order::Release, Access::Store));
        assert_eq!(&text[site.span.clone()], "Ordering::Release");
        assert_eq!(site.mutations(), [Mutation::Weaken(Order::Relaxed)]);
    }

    #[test]
    fn both_orderings_of_an_exchange_are_found() {
        let text = "fn f(x: &A) {\n // ORDER [a]: AcqRel. Relaxed on failure: a guess.\n \
                    x.compare_exchange(1, 2, Ordering::AcqRel, Ordering::Acquire);\n}";
        let [success, failure] = sites(text).unwrap().try_into().unwrap();
        assert_eq!(success.mutations().len(), 3);
        assert_eq!((failure.mutations().len(), &*failure.access), (1, "x.compare_exchange, failing"));
    }

    #[test]
    fn an_ordering_without_a_label_is_refused() {
        let fault = sites("fn f(x: &A) {\n x.load(Ordering::Acquire);\n}").unwrap_err().to_string();
        assert!(fault.contains("a.rs:2: no comment"), "{fault}");
    }

    /// The label of one statement does not count for the next.
    #[test]
    fn a_label_covers_one_statement() {
        let text = "fn f(x: &A) {\n // ORDER [a]: Relaxed. A guess.\n x.load(Ordering::Relaxed);\n x.load(Ordering::Acquire);\n}";
        assert!(sites(text).is_err());
    }

    #[test]
    fn an_ordering_that_hides_in_a_macro_or_a_name_is_refused() {
        for body in ["assert!(x.load(Ordering::Acquire) == 1);", "let order = Ordering::Acquire; x.load(order);"] {
            let fault = sites(&format!("fn f(x: &A) {{\n // ORDER [a]\n {body}\n}}")).unwrap_err().to_string();
            assert!(fault.contains("1 orderings are named, 0 of them"), "{fault}");
        }
    }

    #[test]
    fn an_imported_ordering_is_one() {
        let text = "fn f(x: &A) {\n x.load(Acquire); // ORDER [a]\n}";
        assert_eq!(sites(text).unwrap().len(), 1);
    }

    #[test]
    fn fences_and_wake_ups_are_found_and_their_answers_told_from_their_calls() {
        let text = "fn f(k: &K) {\n k.light_fence();\n k.futex_wake(w);\n woken |= k.futex_wake(w);\n}\n\
                    fn g() -> bool { h(!wake_one(1)) }";
        let sites = sites(text).unwrap();
        let kinds: Vec<(&str, &Kind)> = sites.iter().map(|site| (&*site.access, &site.kind)).collect();
        let expected = [
            ("light_fence", &Kind::Call),
            ("futex_wake", &Kind::Call),
            ("futex_wake", &Kind::Asking),
            ("wake_one", &Kind::Asking),
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_fence_of_the_language_is_weakened_and_left_out() {
        let sites = sites("fn f() {\n // ORDER [a]: because.\n fence(Ordering::AcqRel);\n}").unwrap();
        let mutations: Vec<Vec<Mutation>> = sites.iter().map(Site::mutations).collect();
        let halves = vec![Mutation::Weaken(Order::Acquire), Mutation::Weaken(Order::Release)];
        assert_eq!(mutations, [halves, vec![Mutation::LeaveOut]]);
    }
}
