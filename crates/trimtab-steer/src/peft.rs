//! LoRA adapters in the layout of [PEFT](https://huggingface.co/docs/peft): a folder with
//! `adapter_config.json` and `adapter_model.safetensors`.

mod config;
mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use trimtab_model::file::{read_limited, write_atomically};
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{ModelConfig, Site};

use crate::adapter::Adapter;
use crate::form::{Form, FormError, Lora, width};
use config::PeftConfig;
use modules::{Module, Role, WRAPPER, role};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// What older versions of PEFT wrote instead.
const PICKLE: &str = "adapter_model.bin";
/// What MLX writes.
const MLX: [&str; 2] = ["adapters.safetensors", "adapters.npz"];
/// Largest configuration that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Largest file of tensors that is read, in bytes.
const MAX_TENSOR_BYTES: u64 = 16 << 30;

/// Largest number of numbers after all updates got one rank, unless the file has an eighth of them.
const MAX_PADDED: usize = 1 << 28;

/// Why a PEFT adapter cannot be read or written.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PeftError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a LoRA configuration: {reason}")]
    Config { path: PathBuf, reason: String },
    #[error(
        "{path} is for the method {method} of PEFT, and only LORA is read; merge the adapter into \
         its base with PEFT (`merge_and_unload`, where the method has it) and load the result"
    )]
    Method { path: PathBuf, method: String },
    #[error(
        "{path} belongs to an adapter of MLX, not of PEFT; merge it into its base with \
         `mlx_lm.fuse --save-path FOLDER` and load that folder"
    )]
    Mlx { path: PathBuf },
    #[error(
        "{path} holds its tensors as a pickle, which can run code and is not read; load the \
         adapter with PEFT and save it again with `save_pretrained`, which writes {TENSORS}"
    )]
    Pickle { path: PathBuf },
    #[error(
        "{path} has `{key}` = {value}, which is not supported; merge the adapter into its base \
         with `merge_and_unload` of PEFT and load the result"
    )]
    Unsupported {
        path: PathBuf,
        key: String,
        value: Value,
    },
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    #[error("{path} holds `{name}`, which is not a LoRA factor of this model: {reason}")]
    UnexpectedTensor {
        path: PathBuf,
        name: String,
        reason: &'static str,
    },
    #[error(
        "{path} holds `{name}`, but `target_modules`, `exclude_modules` and `layers_to_transform` \
         of {CONFIG} leave it out, so PEFT would not use it"
    )]
    Untargeted { path: PathBuf, name: String },
    #[error("{path} holds two tensors for one factor, the second is `{name}`")]
    Repeated { path: PathBuf, name: String },
    #[error("{path} holds one factor of the update of `{module}` without the other")]
    Unpaired { path: PathBuf, module: String },
    #[error(
        "`{name}` in {path} has the shape {found:?}, but this model and the rank in {CONFIG} need \
         {expected:?}{}",
        if found.len() == 2 && !found.contains(&0) { "" } else {
            "; did DeepSpeed or FSDP save a shard of it?"
        }
    )]
    Shape {
        path: PathBuf,
        name: String,
        found: Vec<usize>,
        expected: [usize; 2],
    },
    #[error("{path} holds no LoRA factors for this model")]
    Empty { path: PathBuf },
    #[error("{path} has a module of a rank that is too far above that of the others")]
    Uneven { path: PathBuf },
    #[error("{path} does not fit this model")]
    Form { path: PathBuf, source: FormError },
    #[error("only LoRA can be written for PEFT")]
    NotLora,
}

/// The two files of an adapter, in memory.
#[derive(Debug)]
pub(crate) struct PeftFiles {
    dir: PathBuf,
    pub(crate) config: Vec<u8>,
    pub(crate) tensors: Vec<u8>,
}

impl PeftFiles {
    /// Whether a folder holds an adapter, of PEFT or of MLX.
    pub(crate) fn are_in(dir: &Path) -> bool {
        let names = [CONFIG, TENSORS, PICKLE].into_iter().chain(MLX);
        names.into_iter().any(|name| dir.join(name).exists())
    }

    /// Reads the files of the folder `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self, PeftError> {
        let [config, tensors, pickle] = [CONFIG, TENSORS, PICKLE].map(|name| dir.join(name));
        if !tensors.exists() {
            if let Some(path) = MLX
                .map(|name| dir.join(name))
                .into_iter()
                .find(|it| it.exists())
            {
                return Err(PeftError::Mlx { path });
            }
            if pickle.exists() {
                return Err(PeftError::Pickle { path: pickle });
            }
        }
        let read = |path: PathBuf, limit: u64| {
            read_limited(&path, limit).map_err(|source| PeftError::Read { path, source })
        };
        let config = read(config, MAX_CONFIG_BYTES)?;
        if !tensors.exists() {
            // The configuration says whether these are the tensors that are missing.
            PeftConfig::parse(&config, &dir.join(CONFIG))?;
        }
        Ok(Self {
            dir: dir.into(),
            config,
            tensors: read(tensors, MAX_TENSOR_BYTES)?,
        })
    }
}

impl Adapter {
    /// Reads a LoRA adapter that PEFT wrote for this model, or for the same text decoder in a model
    /// that reads images. The tensors tell which projections and layers it updates.
    ///
    /// Updates of fused projections become updates of their parts. Updates with ranks or scales of
    /// their own are brought to the largest rank and one scale, which changes no result.
    ///
    /// # Errors
    ///
    /// See [`PeftError`]. Anything but LoRA is refused, and so are variants such as `DoRA` and
    /// updates of anything but the projections of the layers.
    pub fn read_peft(dir: &Path, config: &ModelConfig) -> Result<Self, PeftError> {
        Self::from_peft(&PeftFiles::read(dir)?, config)
    }

    /// Parses the files of a LoRA adapter.
    pub(crate) fn from_peft(files: &PeftFiles, config: &ModelConfig) -> Result<Self, PeftError> {
        let peft = PeftConfig::parse(&files.config, &files.dir.join(CONFIG))?;
        let path = files.dir.join(TENSORS);
        let file = TensorFile::from_bytes(&files.tensors, &path)?;
        let updates = read_updates(file, &peft, config, &path)?;
        let Some((form, scale)) = common_form(&updates, config) else {
            return Err(PeftError::Empty { path });
        };
        if let Err(source) = form.check(config) {
            return Err(PeftError::Form { path, source });
        }
        let targets = form.targets(config).into_iter();
        let numbers: usize = targets
            .map(|(_, _, [outputs, inputs])| form.rank * (outputs + inputs))
            .sum();
        if numbers > MAX_PADDED.max(8 * files.tensors.len()) {
            return Err(PeftError::Uneven { path });
        }
        let mut parameters = vec![];
        for (layer, site, shape) in form.targets(config) {
            let update = updates.get(&(layer, site));
            let pair = match update {
                Some(update) => update.with(form.rank, scale),
                None => Update::zero(shape, form.rank),
            };
            let [a, b] = Lora::names(layer, site);
            parameters.extend([(a, pair.a), (b, pair.b)]);
        }
        Self::from_parameters(Form::Lora(form), config, parameters)
            .map_err(|source| PeftError::Form { path, source })
    }

    /// Writes a LoRA adapter for PEFT to the folder `dir`, which is created if it is missing.
    /// `base_model` is the name or path under which PEFT finds the base.
    ///
    /// Where the checkpoint fuses projections, their updates become one of the fused matrix: the
    /// first factors below each other, the second ones as the blocks of a diagonal.
    ///
    /// # Errors
    ///
    /// The form is not LoRA, or a file cannot be written.
    pub fn write_peft(&self, dir: &Path, base_model: &str) -> Result<(), PeftError> {
        let Form::Lora(form) = self.form() else {
            return Err(PeftError::NotLora);
        };
        let decoder = match self.config().architecture.names.decoder {
            "language_model.model" => "model.language_model", // since transformers 4.52
            decoder => decoder,
        };
        let modules: Vec<Module> = Module::of(self.config())
            .into_iter()
            .filter(|module| module.has_any(&form.target_modules))
            .collect();
        let mut targets: BTreeMap<usize, Vec<Site>> = BTreeMap::new();
        for (layer, site, _) in form.targets(self.config()) {
            targets.entry(layer).or_default().push(site);
        }
        let mut file = TensorFile::default();
        for (layer, sites) in targets {
            for module in modules.iter().filter(|module| module.has_any(&sites)) {
                let update = self.update_of(form, layer, module);
                for (factor, tensor) in [("lora_A", update.a), ("lora_B", update.b)] {
                    let module = module.name;
                    let name =
                        format!("{WRAPPER}{decoder}.layers.{layer}.{module}.{factor}.weight");
                    file.tensors.insert(name, tensor);
                }
            }
        }
        let config = peft_config(form, &modules, base_model);
        let config = serde_json::to_string_pretty(&config).expect("plain data") + "\n";
        let write = |path: PathBuf, result: io::Result<()>| {
            result.map_err(|source| PeftError::Write { path, source })
        };
        write(dir.into(), fs::create_dir_all(dir))?;
        file.write(&dir.join(TENSORS))?;
        let path = dir.join(CONFIG);
        let written = write_atomically(&path, config.as_bytes());
        write(path, written)
    }

    /// The update of a module of a layer, of which at least one projection is updated.
    fn update_of(&self, form: &Lora, layer: usize, module: &Module) -> Update {
        let parameter = |name: &str| {
            let found = self.parameters().iter().find(|(of, _)| of == name);
            &found.expect("a parameter of each target").1
        };
        let updated: Vec<Site> = updated_sites(form, module);
        let [outputs, inputs] = module.shape(self.config());
        let rank = form.rank * updated.len();
        let mut a = vec![];
        let mut b = vec![0.0; outputs * rank];
        let mut row = 0;
        for &site in module.sites {
            let rows = width(self.config(), site);
            if let Some(block) = updated.iter().position(|it| *it == site) {
                let [first, second] = Lora::names(layer, site);
                a.extend(&parameter(&first).data);
                let second = parameter(&second).data.chunks_exact(form.rank);
                for (index, values) in second.enumerate() {
                    let start = (row + index) * rank + block * form.rank;
                    b[start..start + form.rank].copy_from_slice(values);
                }
            }
            row += rows;
        }
        Update {
            a: matrix([rank, inputs], a),
            b: matrix([outputs, rank], b),
            scale: 1.0,
        }
    }
}

/// The projections of a module that a form updates.
fn updated_sites(form: &Lora, module: &Module) -> Vec<Site> {
    let sites = module.sites.iter().copied();
    sites
        .filter(|site| form.target_modules.contains(site))
        .collect()
}

/// The configuration of an adapter that is written.
fn peft_config(form: &Lora, modules: &[Module], base_model: &str) -> Value {
    // A fused module has the rank of all its parts, and an alpha that keeps the scale.
    let mut rank_pattern = Map::new();
    let mut alpha_pattern = Map::new();
    for module in modules {
        let parts = updated_sites(form, module).len();
        if parts > 1 {
            rank_pattern.insert(module.leaf().to_owned(), json!(form.rank * parts));
            alpha_pattern.insert(module.leaf().to_owned(), json!(form.alpha * parts as f32));
        }
    }
    let targets: Vec<&str> = modules.iter().map(Module::leaf).collect();
    json!({
        "alpha_pattern": alpha_pattern,
        "base_model_name_or_path": base_model,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "layers_to_transform": form.layers,
        "lora_alpha": form.alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": form.rank,
        "rank_pattern": rank_pattern,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_rslora": false,
    })
}

/// `scale B A`, the update of a projection or module.
#[derive(Clone, Debug)]
struct Update {
    /// `[rank, inputs]`
    a: HostTensor,
    /// `[outputs, rank]`
    b: HostTensor,
    scale: f64,
}

impl Update {
    /// An update by nothing.
    fn zero([outputs, inputs]: [usize; 2], rank: usize) -> Self {
        Self {
            a: matrix([rank, inputs], vec![0.0; rank * inputs]),
            b: matrix([outputs, rank], vec![0.0; outputs * rank]),
            scale: 1.0,
        }
    }

    fn rank(&self) -> usize {
        self.a.shape[0]
    }

    /// The part that updates `rows` outputs from `start`, without components that do not.
    fn part(&self, start: usize, rows: usize) -> Self {
        let rank = self.rank();
        let b: Vec<&[f32]> = self
            .b
            .data
            .chunks_exact(rank)
            .skip(start)
            .take(rows)
            .collect();
        let mut kept: Vec<usize> = (0..rank)
            .filter(|&column| b.iter().any(|row| row[column] != 0.0))
            .collect();
        if kept.is_empty() {
            kept.push(0);
        }
        let a: Vec<&[f32]> = self.a.data.chunks_exact(self.a.shape[1]).collect();
        let a = kept.iter().flat_map(|&row| a[row]).copied().collect();
        let b = b
            .iter()
            .flat_map(|row| kept.iter().map(|&column| row[column]));
        Self {
            a: matrix([kept.len(), self.a.shape[1]], a),
            b: matrix([rows, kept.len()], b.collect()),
            scale: self.scale,
        }
    }

    /// The same update with components of zero up to `rank`, and with another scale.
    fn with(&self, rank: usize, scale: f64) -> Self {
        let mut a = self.a.clone();
        a.data.resize(rank * a.shape[1], 0.0);
        a.shape[0] = rank;
        let own = self.rank();
        let factor = if self.scale == scale {
            1.0
        } else {
            (self.scale / scale) as f32
        };
        let mut b = vec![0.0; self.b.shape[0] * rank];
        for (to, from) in b.chunks_exact_mut(rank).zip(self.b.data.chunks_exact(own)) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = from * factor;
            }
        }
        Self {
            a,
            b: matrix([self.b.shape[0], rank], b),
            scale,
        }
    }
}

type Updates = BTreeMap<(usize, Site), Update>;

/// The updates of all projections in a file.
fn read_updates(
    file: TensorFile,
    peft: &PeftConfig,
    config: &ModelConfig,
    path: &Path,
) -> Result<Updates, PeftError> {
    let modules = Module::of(config);
    let mut factors: BTreeMap<(usize, &str), [Option<HostTensor>; 2]> = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for (name, tensor) in file.tensors {
        let (layer, module, module_path, second) = match role(&name, &modules) {
            Ok(Role::OtherPart) => continue,
            Ok(Role::Factor {
                layer,
                module,
                path,
                second,
            }) => (layer, module, path, second),
            Err(reason) => {
                let path = path.into();
                return Err(PeftError::UnexpectedTensor { path, name, reason });
            }
        };
        let path = path.to_owned();
        if !peft.targets(&module_path, layer) {
            return Err(PeftError::Untargeted { path, name });
        }
        let rank = peft.rank(&module_path) as usize;
        let [outputs, inputs] = module.shape(config);
        let expected = if second {
            [outputs, rank]
        } else {
            [rank, inputs]
        };
        if tensor.shape != expected || rank == 0 {
            let found = tensor.shape;
            return Err(PeftError::Shape {
                path,
                name,
                found,
                expected,
            });
        }
        let key = (layer, module.name);
        let factor = &mut factors.entry(key).or_default()[usize::from(second)];
        if factor.replace(tensor).is_some() {
            return Err(PeftError::Repeated { path, name });
        }
        paths.insert(key, module_path);
    }
    let mut updates = Updates::new();
    for ((layer, name), pair) in factors {
        let module_path = &paths[&(layer, name)];
        let [Some(a), Some(b)] = pair else {
            let (path, module) = (path.into(), module_path.clone());
            return Err(PeftError::Unpaired { path, module });
        };
        let scale = peft.scale(module_path);
        let whole = Update { a, b, scale };
        let module = modules.iter().find(|module| module.name == name);
        let sites = module.expect("a module of the list").sites;
        if let [site] = sites {
            updates.insert((layer, *site), whole);
            continue;
        }
        let mut start = 0;
        for &site in sites {
            let rows = width(config, site);
            updates.insert((layer, site), whole.part(start, rows));
            start += rows;
        }
    }
    Ok(updates)
}

/// The form that has a place for all updates, and its scale; `None` if there are none.
fn common_form(updates: &Updates, config: &ModelConfig) -> Option<(Lora, f64)> {
    let first = updates.values().next()?;
    let rank = updates.values().map(Update::rank).max()?;
    let shared = updates.values().all(|update| update.scale == first.scale);
    let scale = if shared { first.scale } else { 1.0 };
    let layers: BTreeSet<usize> = updates.keys().map(|&(layer, _)| layer).collect();
    let targets: BTreeSet<Site> = updates.keys().map(|&(_, site)| site).collect();
    let all = layers.len() == config.num_hidden_layers;
    let form = Lora {
        rank,
        alpha: (scale * rank as f64) as f32,
        target_modules: targets.into_iter().collect(),
        layers: (!all).then(|| layers.into_iter().collect()),
        seed: 0,
    };
    Some((form, scale))
}

fn matrix(shape: [usize; 2], data: Vec<f32>) -> HostTensor {
    let shape = shape.to_vec();
    HostTensor { shape, data }
}
