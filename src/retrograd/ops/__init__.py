"""Every operation: kernel and derivative rule together, by family.

Importing this package registers them all.
"""

from . import activation as activation
from . import added_products as added_products
from . import affine as affine
from . import along as along
from . import arithmetic as arithmetic
from . import blending as blending
from . import comparison as comparison
from . import complex as complex
from . import copying as copying
from . import decomposition as decomposition
from . import diagonals as diagonals
from . import einsum as einsum
from . import exponential as exponential
from . import extrema as extrema
from . import indexing as indexing
from . import joining as joining
from . import linear_algebra as linear_algebra
from . import lookup as lookup
from . import loss as loss
from . import masking as masking
from . import norms as norms
from . import numbered as numbered
from . import padding as padding
from . import permuting as permuting
from . import powers as powers
from . import reduction as reduction
from . import region as region
from . import repeating as repeating
from . import rounding as rounding
from . import row_sums as row_sums
from . import scan as scan
from . import scattering as scattering
from . import selection as selection
from . import shape as shape
from . import slicing as slicing
from . import sorting as sorting
from . import special as special
from . import spectral as spectral
from . import splitting as splitting
from . import statistics as statistics
from . import strides as strides
from . import tensor_products as tensor_products
from . import trigonometric as trigonometric
