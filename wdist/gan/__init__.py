"""WGANs whose curve is in the data's units: training, and judging what was trained."""

from wdist.gan.augment import AUGMENTATIONS, Augmentation, Colour, Flip, InstanceNoise, Shift
from wdist.gan.checkup import Checkup, doctor, doctor_of
from wdist.gan.config import PRESETS, GANConfig, TrainConfig, WGANConfig, preset
from wdist.gan.critics import DCGANCritic, ImageCritic, PatchCritic, ResidualCritic
from wdist.gan.evaluation import Evaluation
from wdist.gan.evaluator import Evaluator
from wdist.gan.generator import Generator, load
from wdist.gan.graphs import GraphCritic, GraphGenerator, GraphLayout
from wdist.gan.historical import HistoricalAveraging
from wdist.gan.judging import Evaluate
from wdist.gan.losses import LOSSES, Free, Loss, Minimax, NonSaturating, Wasserstein
from wdist.gan.matching import FeatureMatching
from wdist.gan.minibatch import MinibatchDiscrimination
from wdist.gan.molecules import MoleculeScore
from wdist.gan.nearest import Novelty, novelty
from wdist.gan.networks import DCGANGenerator, GeneratorNet, MLPGenerator, ResidualGenerator
from wdist.gan.optimizers import Adam, OptimizerRule, RMSprop
from wdist.gan.palette import PaletteGenerator
from wdist.gan.patient import Finding
from wdist.gan.report import Hook, StepReport
from wdist.gan.sets import Data, opened
from wdist.gan.stabilisers import STABILISERS, stabilised
from wdist.gan.stopping import StoppingRule, Verdict
from wdist.gan.trainer import Trainer

__all__ = [
    "AUGMENTATIONS",
    "LOSSES",
    "PRESETS",
    "STABILISERS",
    "Adam",
    "Augmentation",
    "Checkup",
    "Colour",
    "DCGANCritic",
    "DCGANGenerator",
    "Data",
    "Evaluate",
    "Evaluation",
    "Evaluator",
    "FeatureMatching",
    "Finding",
    "Flip",
    "Free",
    "GANConfig",
    "Generator",
    "GeneratorNet",
    "GraphCritic",
    "GraphGenerator",
    "GraphLayout",
    "HistoricalAveraging",
    "Hook",
    "ImageCritic",
    "InstanceNoise",
    "Loss",
    "MLPGenerator",
    "MinibatchDiscrimination",
    "Minimax",
    "MoleculeScore",
    "NonSaturating",
    "Novelty",
    "OptimizerRule",
    "PaletteGenerator",
    "PatchCritic",
    "RMSprop",
    "ResidualCritic",
    "ResidualGenerator",
    "Shift",
    "StepReport",
    "StoppingRule",
    "TrainConfig",
    "Trainer",
    "Verdict",
    "WGANConfig",
    "Wasserstein",
    "doctor",
    "doctor_of",
    "load",
    "novelty",
    "opened",
    "preset",
    "stabilised",
]
