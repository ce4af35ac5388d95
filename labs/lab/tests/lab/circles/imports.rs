//! The files of a crate, and which of them import which, read from their `use` items.

use cargo_metadata::{MetadataCommand, TargetKind};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// The name of a module or item from the root of the crate.
type Name = Vec<String>;

/// A library or a program with all its modules.
#[derive(Default)]
pub(super) struct Crate {
    modules: BTreeMap<Name, Module>,
}

struct Module {
    /// A module inside another one's braces has the file of that one.
    file: PathBuf,
    /// Paths of `use` items, as they are written.
    paths: Vec<Name>,
    /// Names that the module exports from elsewhere, with the path to their definition.
    reexports: BTreeMap<String, Name>,
}

impl Crate {
    /// Every library and program of the workspace.
    pub(super) fn of_workspace() -> Vec<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
        let targets = metadata.packages.iter().flat_map(|package| &package.targets);
        let product =
            |kind: &TargetKind| matches!(kind, TargetKind::Lib | TargetKind::Bin);
        let targets = targets.filter(|target| target.kind.iter().any(product));
        targets.map(|target| Self::read(target.src_path.as_std_path())).collect()
    }

    /// Reads the crate with this root file.
    pub(super) fn read(root: &Path) -> Self {
        let mut all = Self::default();
        let folder = root.parent().expect("a file is in a folder");
        all.read_file(root, folder, Name::new());
        all
    }

    /// `folder` holds the files of the module's own modules.
    fn read_file(&mut self, file: &Path, folder: &Path, name: Name) {
        let text = std::fs::read_to_string(file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let source = syn::parse_file(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.read_items(&source.items, file, folder, name);
    }

    fn read_items(&mut self, items: &[Item], file: &Path, folder: &Path, name: Name) {
        let mut paths = Paths::default();
        for item in items {
            match item {
                Item::Mod(module) if !is_test(&module.attrs) => {
                    self.read_module(module, file, folder, &name);
                }
                item => paths.visit_item(item),
            }
        }
        let Paths { paths, reexports } = paths;
        self.modules.insert(name, Module { file: file.to_owned(), paths, reexports });
    }

    fn read_module(
        &mut self,
        module: &ItemMod,
        file: &Path,
        folder: &Path,
        parent: &Name,
    ) {
        let own = module.ident.to_string();
        let name = [&parent[..], std::slice::from_ref(&own)].concat();
        let inner = folder.join(&own);
        match &module.content {
            Some((_, items)) => self.read_items(items, file, &inner, name),
            None => self.read_file(&folder.join(format!("{own}.rs")), &inner, name),
        }
    }

    /// The module with the definition that `path` names from inside `module`, or none for a
    /// name of another crate. A name that is exported again is followed to its definition.
    fn definition(&self, module: &Name, path: &[String], depth: usize) -> Option<Name> {
        let (first, rest) = path.split_first()?;
        let (mut at, rest) = match first.as_str() {
            "crate" => (Name::new(), rest),
            "self" => (module.clone(), rest),
            "super" => (module[..module.len().checked_sub(1)?].to_vec(), rest),
            own if self.modules.contains_key(&child(module, own)) => {
                (module.clone(), path)
            }
            _other_crate => return None,
        };
        for (index, part) in rest.iter().enumerate() {
            let next = child(&at, part);
            if part == "super" {
                at.pop()?;
            } else if self.modules.contains_key(&next) {
                at = next;
            } else if let Some(target) = self.modules.get(&at)?.reexports.get(part)
                && depth > 0
            {
                let target = [target, &rest[index + 1..]].concat();
                return self.definition(&at, &target, depth - 1);
            } else {
                break;
            }
        }
        Some(at)
    }

    /// The files that each file imports.
    fn imports(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut imports: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for (name, module) in &self.modules {
            let targets = module.paths.iter();
            let targets = targets.filter_map(|path| self.definition(name, path, 8));
            let targets = targets.map(|name| self.modules[&name].file.as_path());
            let own = imports.entry(&module.file).or_default();
            own.extend(targets.filter(|file| *file != module.file));
        }
        imports
    }

    /// The groups of files that import each other, directly or through other files.
    pub(super) fn circles(&self) -> Vec<BTreeSet<PathBuf>> {
        let imports = self.imports();
        let reachable: BTreeMap<_, _> =
            imports.keys().map(|file| (*file, reachable(&imports, file))).collect();
        let mut circles = BTreeSet::new();
        for (file, others) in &reachable {
            let back = others.iter().filter(|other| reachable[*other].contains(file));
            let circle: BTreeSet<PathBuf> =
                back.map(|other| (*other).to_owned()).collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

fn child(module: &[String], name: &str) -> Name {
    [module, &[name.to_owned()]].concat()
}

/// All files to which the imports of `from` lead.
fn reachable<'a>(
    imports: &BTreeMap<&'a Path, BTreeSet<&'a Path>>,
    from: &Path,
) -> BTreeSet<&'a Path> {
    let (mut found, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        let new =
            imports.get(file).into_iter().flatten().filter(|file| found.insert(**file));
        open.extend(new.copied().collect::<Vec<_>>());
    }
    found
}

/// The paths of one module's items.
#[derive(Default)]
struct Paths {
    paths: Vec<Name>,
    reexports: BTreeMap<String, Name>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        leaves_of(&item.tree, &mut Name::new(), &mut leaves);
        // An export is a name for other files. It is an import only where it is used.
        match item.vis {
            Visibility::Inherited => {
                self.paths.extend(leaves.into_iter().map(|leaf| leaf.1))
            }
            _ => self.reexports.extend(leaves),
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }
}

/// The names that a `use` item brings into scope, each with its whole path.
fn leaves_of(tree: &UseTree, before: &mut Name, leaves: &mut Vec<(String, Name)>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            leaves_of(&path.tree, before, leaves);
            before.pop();
        }
        UseTree::Name(name) => {
            leaves.push((name.ident.to_string(), child(before, &name.ident.to_string())));
        }
        UseTree::Rename(name) => {
            leaves
                .push((name.rename.to_string(), child(before, &name.ident.to_string())));
        }
        UseTree::Glob(_) => leaves.push(("*".to_owned(), before.clone())),
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| leaves_of(tree, before, leaves));
        }
    }
}

/// Whether an item is compiled for tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let test = |path: &syn::Path| path.is_ident("test");
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| test(&path))
    })
}
