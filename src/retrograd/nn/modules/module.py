"""`torch.nn.modules.module`: Module, and the hooks of every module."""

from .._registration import (
    register_module_buffer_registration_hook as register_module_buffer_registration_hook,
)
from .._registration import (
    register_module_module_registration_hook as register_module_module_registration_hook,
)
from .._registration import (
    register_module_parameter_registration_hook as register_module_parameter_registration_hook,
)
from ..hooks import register_module_forward_hook as register_module_forward_hook
from ..hooks import register_module_forward_pre_hook as register_module_forward_pre_hook
from ..hooks import register_module_full_backward_hook as register_module_full_backward_hook
from ..hooks import (
    register_module_full_backward_pre_hook as register_module_full_backward_pre_hook,
)
from ..module import Module as Module
