//! README and the pages of `docs/`, so that the Rust blocks in them are compiled as doc tests.

macro_rules! pages {
    ($($page:ident $path:literal)*) => {
        $(
            #[doc = include_str!(concat!("../..", $path))]
            struct $page;
        )*
    };
}

pages! {
    Readme "/README.md"
    Architecture "/docs/architecture.md"
    ChatTemplates "/docs/chat-templates.md"
    Export "/docs/export.md"
    Extraction "/docs/extraction.md"
    Families "/docs/families.md"
    Files "/docs/files.md"
    Gallery "/docs/gallery.md"
    Generation "/docs/generation.md"
    Gguf "/docs/gguf.md"
    Kernels "/docs/kernels.md"
    Lens "/docs/lens.md"
    Loading "/docs/loading.md"
    Log "/docs/log.md"
    Performance "/docs/performance.md"
    RealModel "/docs/real-model.md"
    Recipe "/docs/recipe.md"
    Results "/docs/results.md"
    RewardTraining "/docs/reward-training.md"
    Steering "/docs/steering.md"
    WhenTrainingGetsWorse "/docs/when-training-gets-worse.md"
    Cispo "/docs/algorithms/cispo.md"
    Dapo "/docs/algorithms/dapo.md"
    DrGrpo "/docs/algorithms/dr-grpo.md"
    Grpo "/docs/algorithms/grpo.md"
    Gspo "/docs/algorithms/gspo.md"
    Paper "/docs/algorithms/paper.md"
    Ppo "/docs/algorithms/ppo.md"
    Rloo "/docs/algorithms/rloo.md"
}
