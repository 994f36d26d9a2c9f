"""What the wide programs are made of: expressions and statements, by kind.

``$a`` and ``$b`` stand for tensors of shape (3, 4), ``$c`` for a number, ``$y`` for the odd
argument, ``$v`` for a tensor that is written into.  `fit` brings any tensor to float32[3, 4].
"""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """Return what stands in a text, one on each line or several between bars."""
    return [one.strip() for line in text.strip().splitlines() for one in line.split(" | ")]



HEAD = '''
import collections, contextlib, itertools, math
Pair = collections.namedtuple("Pair", "first second")
SCALE = 1.5
TABLE = [0.5, -1.0, 2.0, 0.25]
def fit(t):
    if t.is_complex():
        t = torch.view_as_real(t)
    t = t.to(torch.float32).reshape(-1)[:12]
    return F.pad(t, (0, 12 - t.numel())).reshape(3, 4)
class Config:
    gain = 0.5
    def __init__(self):
        self.rate = 0.3
        self.deep = {"k": 2, "names": ["a", "b"]}
        self.flag = True
    def scaled(self, t):
        return t * self.rate + self.gain
    @property
    def twice(self):
        return self.rate * 2
class Counter:
    def __init__(self):
        self.seen = []
        self.total = 0
    def add(self, t):
        self.seen.append(t)
        self.total += 1
        return self
def make(given):
    global torch, F
    torch = given
    F = torch.nn.functional
    torch.manual_seed(%(seed)s)
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.save_for_backward(x)
            ctx.k = k
            return x * x * k
        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * ctx.k * x * g, None
    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = torch.nn.Linear(4, 4)
            self.scale = torch.nn.Parameter(torch.ones(4))
            self.register_buffer("count", torch.zeros(()))
            self.inner = %(layer)s
            self.mode = "sum"
        def forward(self, x, twice=False):
            self.count += 1
            y = self.lin(x) * self.scale
            if twice:
                y = y + self.lin(y)
            if self.training:
                y = self.inner(y)
            return y if self.mode == "sum" else -y
    p = torch.nn.Parameter(torch.randn(3, 4))
    q = torch.nn.Parameter(torch.randn(4, 4) * 0.5)
    w = torch.randn(4, requires_grad=True)
    buffer = torch.zeros(3, 4)
    whole = torch.arange(24.0).reshape(2, 3, 4) / 10
    table = torch.nn.Embedding(5, 4)
    block = Block()
    other = %(second)s
    config = Config()
    rate = 0.7
    offsets = [1, 2, 3]
    LABELS = torch.tensor([[1, 2]])
    optimizer = %(optimizer)s
    scheduler = %(scheduler)s
    handles = []
    def helper(a, b=None, *more, k=2):
        if b is None or a.sum() > b.sum():
            return a * k
        return a - b
    def deep(a, depth):
        if depth == 0 or a.abs().max() < 0.5:
            return a.tanh()
        return deep(a * 0.5, depth - 1) + a
    def outer(a):
        factor = a.mean()
        def inner(b):
            return b * factor + rate
        return inner
    @contextlib.contextmanager
    def scope():
        yield 3
    def generator(a):
        for row in a:
            yield row * 2
    def step(x, y, n, flag=True, extra=None):
'''
TAIL = '''
    def between(k):
        nonlocal rate
        global SCALE
%(between)s
    return dict(step=step, between=between, parameters=[p, q, w, *block.parameters(),
                *table.parameters(), *other.parameters()], optimizer=optimizer,
                buffers=[buffer, whole, *block.buffers(), *other.buffers()], scheduler=scheduler)
'''
PARAMETERS = "[p, q, w, *block.parameters(), *table.parameters()]"
GROUPS = "[{'params': [p, q], 'lr': 0.02}, {'params': [w, *block.parameters()]}]"
OPTIMIZERS = [
    f"torch.optim.SGD({PARAMETERS}, lr=0.01)",
    f"torch.optim.SGD({GROUPS}, lr=0.01, momentum=0.9, nesterov=True, weight_decay=0.1)",
    f"torch.optim.SGD({PARAMETERS}, lr=0.01, momentum=0.5, foreach=False)",
    f"torch.optim.Adam({PARAMETERS}, lr=0.01)",
    f"torch.optim.Adam({GROUPS}, lr=0.01, amsgrad=True, maximize=True)",
    f"torch.optim.AdamW({PARAMETERS}, lr=0.01, foreach=False)",
    f"torch.optim.NAdam({PARAMETERS}, lr=0.01)",
    f"torch.optim.RAdam({PARAMETERS}, lr=0.01)",
    f"torch.optim.RMSprop({GROUPS}, lr=0.01, momentum=0.5, centered=True)",
    f"torch.optim.Adagrad({PARAMETERS}, lr=0.01, lr_decay=0.1)",
    f"torch.optim.Adadelta({PARAMETERS}, lr=0.5)",
    f"torch.optim.Adamax({PARAMETERS}, lr=0.01)",
    f"torch.optim.ASGD({PARAMETERS}, lr=0.01)",
    f"torch.optim.Rprop({PARAMETERS}, lr=0.01)",
]  # fmt: skip
SCHEDULERS = listed("""
    torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
    torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda e: 1 / (e + 1))
""")
LAYERS = listed("""
    torch.nn.ReLU() | torch.nn.Dropout(0.3) | torch.nn.BatchNorm1d(4) | torch.nn.LayerNorm(4)
    torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))
    torch.nn.PReLU() | torch.nn.GELU() | torch.nn.Softmax(-1) | torch.nn.RMSNorm(4)
    torch.nn.Sequential(torch.nn.BatchNorm1d(4, momentum=None), torch.nn.SiLU())
    torch.nn.AlphaDropout(0.2) | torch.nn.RReLU() | torch.nn.GroupNorm(2, 4)
    torch.nn.ModuleList([torch.nn.Linear(4, 4), torch.nn.ELU()])[0] | torch.nn.Softplus()
    torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 4))
    torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(4, 4))
""")
SECOND = listed("""
    torch.nn.Linear(4, 4) | torch.nn.Conv1d(3, 3, 3, padding=1) | torch.nn.GRUCell(4, 4)
    torch.nn.BatchNorm1d(4) | torch.nn.Bilinear(4, 4, 4) | torch.nn.Dropout1d(0.4)
    torch.nn.TransformerEncoderLayer(4, 2, 8, 0.1, batch_first=True) | torch.nn.RNN(4, 4)
    torch.nn.LSTM(4, 4, batch_first=True) | torch.nn.EmbeddingBag(5, 4)
    torch.nn.MultiheadAttention(4, 2, batch_first=True) | torch.nn.InstanceNorm1d(3, affine=True)
""")
USES = {  # of the second module
    "Conv1d": "other($a[None])[0]", "GRUCell": "other($a, $b)", "Bilinear": "other($a, $b)",
    "Transf": "other($a[None])[0]", "RNN(": "other($a)[0]", "LSTM": "other($a)[0]",
    "EmbeddingBag": "other(torch.tensor([[0, 1], [2, 3], [4, 4]])) + $a",
    "Multihead": "other($a[None], $b[None], $b[None])[0][0]", "Instance": "other($a[None])[0]",
}  # fmt: skip
UNARY = listed("""
    $a.tanh() | $a.sigmoid() | F.relu($a) | $a.sin() | $a.abs() | F.gelu($a) | -$a | $a.softmax(1)
    F.layer_norm($a, (4,)) | $a.t().t() | $a.detach() | $a.clone() | F.dropout($a, 0.5)
    $a.flip(0) | $a.reshape(4, 3).t().contiguous() | $a.cumsum(1) | $a @ q | block($a)
    block($a, twice=True) | $a.clamp(-1, 1) | $a ** 2 | deep($a, 2) | $a.exp().log1p()
    $a.view(-1).view(3, 4) | $a.roll(1, 0) | $a[torch.randperm(3)] | $a.sort(1).values
    $a.mean(0, keepdim=True).expand(3, 4) | F.log_softmax($a, 0) | $a.chunk(2, 1)[0].repeat(1, 2)
    torch.cat([$a[:, 2:], $a[:, :2]], 1) | fit($y) | $a.logsumexp(1, keepdim=True) + $a
    $a.double().float() | $a * w | config.scaled($a) | torch.stack(list($a.unbind(0)))
    $a.masked_fill($a > 1, 0.5) | Square.apply($a, 2) | outer($a)($a)
    torch.stack(list(generator($a))) | fit($a.half()) | fit($a.to(torch.int64)) | fit($a > 0)
    $a + whole[1] | whole[n % 2] * $a | $a * SCALE | $a + config.twice | $a * config.deep['k']
    $a + Config.gain | $a * rate | $a + offsets[0] | fit(table.weight) | table($a.argmax(1))
    fit(F.one_hot($a.argmax(1), 4)) | fit($a.topk(2, 1)[1]) + $a | fit($a.kthvalue(2, 1).values)
    fit($a.unique()) | fit($a[$a > 0]) | $a.squeeze().unsqueeze(0)[0] | fit(torch.nonzero($a > 0))
    fit(torch.masked_select($a, $a < 0.5)) | fit(torch.bincount($a.argmax(1)))
    fit(torch.histc($a, 4)) | fit(torch.linalg.svdvals($a)) | fit(torch.linalg.qr($a).R)
    fit(torch.linalg.norm($a, dim=1)) | fit(torch.linalg.inv($a @ $a.t() + 3 * torch.eye(3)))
    fit(torch.linalg.det($a @ $a.t() + torch.eye(3))) | fit(torch.linalg.slogdet($a[:, :3])[1])
    torch.linalg.solve($a[:, :3] + 4 * torch.eye(3), $a) | fit(torch.linalg.eigvalsh($a @ $a.t()))
    fit(torch.linalg.cholesky($a @ $a.t() + torch.eye(3)))
    fit(torch.linalg.matrix_power($a[:, :3], 2)) | fit(torch.linalg.pinv($a))
    fit(torch.einsum('ij,ij->i', $a, $a)) | torch.einsum('ij,jk->ik', $a, q)
    fit(torch.view_as_complex($a.reshape(6, 2))) | F.max_pool1d($a[None], 3, 1, 1)[0]
    F.avg_pool1d($a[None], 3, 1, 1)[0] | F.pad($a, (1, 1), value=2.0)[:, 1:5]
    fit(F.conv1d($a[None], $a.reshape(2, 3, 2))) | F.normalize($a, dim=1)
    $a.diff(dim=1, prepend=$a[:, :1]) | fit(torch.cdist($a, $a))
    F.interpolate($a[None], size=4)[0] | fit(F.unfold($a[None, None], 2))
    F.scaled_dot_product_attention($a[None], $a[None], $a[None])[0]
    fit($a.as_strided((2, 3), (4, 1), 1)) | $a.gather(1, $a.argsort(1))
    $a.scatter(1, $a.argmin(1, keepdim=True), 0.5) | $a.tril()
    $a.index_select(0, torch.tensor([2, 0, 1])) | fit($a.std(1)) | fit($a.var(0, correction=0))
    $a / $a.norm() | fit($a.median(1).values) | fit($a.prod(1)) | fit($a.max()) | fit($a.argmax())
    $a.nan_to_num(0.0) | fit($a.isnan()) | torch.where($a > 0, $a, 0.0)
    $a.movedim(0, 1).movedim(1, 0) | $a.unfold(1, 4, 1)[:, 0] | fit($a.diagonal())
    $a.swapaxes(0, 1).reshape(3, 4) | $a.sign() * $a.sqrt().nan_to_num()
    $a.view(torch.int32).view(torch.float32) | $a.trunc() + $a.frac() | $a.remainder(0.7)
    $a // 0.3 | fit(F.embedding(torch.tensor([0, 2, 4]), table.weight)) | $a.rot90(2)
    fit($a.quantile(0.3, dim=1)) | fit($a.long() % 3) | fit($a.tensor_split(3, 1)[1])
    $a.T.mT.mT.T | fit($a.bool().int().sum(0)) | F.hardtanh($a) | F.softplus($a) | F.silu($a)
    F.mish($a) | F.elu($a) | F.leaky_relu($a, 0.2) | F.gumbel_softmax($a, hard=True)
    fit($a.mul(3).to(torch.uint8)) | $a.expand(2, 3, 4)[1] | $a.repeat_interleave(2, 1)[:, ::2]
    torch.func.functional_call(block.lin, dict(block.lin.named_parameters()), ($a,))
    torch.utils.checkpoint.checkpoint(lambda t: t.tanh() * p, $a, use_reentrant=False)
    fit(torch.searchsorted(torch.tensor([-1.0, 0.0, 1.0]), $a))
    fit(torch.bucketize($a, torch.tensor([-1.0, 0.5]))) | $a[n % 3].expand(3, 4)
    $a[$a.sum(1).argmax()].expand(3, 4) | $a[:, $a[0].argmax()][:, None] + $a
    $a[torch.tensor([True, False, True])].sum(0) + $a | $a[None, ..., None].squeeze()
    $a[[2, 1, 0]] | $a[1:, 1:].mean() + $a | $a.real | fit($a.count_nonzero(1))
    torch.atleast_2d($a)
""")
BINARY = listed("""
    $a + $b | $a - $b | $a * $b | $a / ($b.abs() + 1) | torch.where($a > 0, $a, $b)
    torch.maximum($a, $b) | helper($a, $b) | helper($a, b=$b, k=3) | torch.lerp($a, $b, 0.3)
    torch.addcmul($a, $a, $b, value=0.5) | F.mse_loss($a, $b, reduction='none') | $a + fit($y)
    torch.stack([$a, $b]).sum(0) | ($a @ $b.t()) @ $a | torch.atan2($a, $b.abs() + 1)
    F.mse_loss($a, $b) * $a | F.smooth_l1_loss($a, $b) + $b
    F.cross_entropy($a, $b.argmax(1)) * $b
    F.binary_cross_entropy_with_logits($a, $b.sigmoid()) + $a
    F.kl_div($a.log_softmax(1), $b.softmax(1), reduction='batchmean') * $a
    fit(F.cosine_similarity($a, $b)) | torch.einsum('ij,kj,kl->il', $a, $b, $b)
    F.linear($a, q, $b[0]) | fit(torch.outer($a[0], $b[0])) | torch.addmm($a, $a, q)
    fit(torch.linalg.lstsq($a.t(), $b.t()).solution)
    fit(torch.cross($a[:, :3], $b[:, :3], dim=1))
    F.nll_loss($a.log_softmax(1), $b.argmax(1)) + $a | torch.hypot($a, $b) | $a.copysign($b)
    torch.fmod($a, $b.abs() + 1) | ($a > $b).float() * $a | $a.masked_scatter($b > 0, $b)
    torch.complex($a, $b).abs() | torch.xlogy($a.abs(), $b.abs() + 1)
    F.triplet_margin_loss($a, $b, $a.flip(0)) + $a | F.huber_loss($a, $b) * $b
    torch.meshgrid($a[0], $b[0], indexing='ij')[0][:3] | torch.cat([$a, $b]).view(2, 3, 4).amax(0)
    fit(torch.isclose($a, $b)) | $a.where($b > 0, $b) | fit(torch.bmm($a[None], $b.t()[None]))
    fit($a.flatten().dot($b.flatten())) | $a.pow($b.abs().clamp(max=2)).nan_to_num()
    torch.broadcast_tensors($a, $b[:1])[1] + $a | torch.tensordot($a, $b, dims=([1], [1])) @ $a
    fit(F.pairwise_distance($a, $b))
    fit(F.ctc_loss($a[:, None].log_softmax(2), LABELS, torch.tensor([3]), torch.tensor([2])))
    F.embedding_bag($a.argmax(1)[None] % 3, $b).expand(3, 4)
    $a.index_copy(0, torch.tensor([1]), $b[:1])
""")
DRAWS = listed("""
    torch.randn(3, 4) | torch.rand_like($a) | torch.bernoulli(torch.full((3, 4), 0.5))
    torch.randn_like($a) | torch.normal(0.0, 1.0, (3, 4)) | torch.randint(0, 5, (3, 4)).float()
    torch.ones(3, 4) | torch.rand(3, 4) | torch.arange(12.0).reshape(3, 4) | torch.zeros_like($a)
    torch.tensor([[1.0, 2.0, 3.0, 4.0]] * 3) | torch.empty(3, 4).uniform_(-1, 1)
    torch.empty(3, 4).normal_() | torch.empty(3, 4).exponential_() | torch.empty(3, 4).cauchy_()
    torch.empty(3, 4).log_normal_() | torch.empty(3, 4).geometric_(0.4) | torch.poisson($a.abs())
    fit(torch.multinomial($a.softmax(1), 2)) | torch.normal($a.detach(), 0.5)
    torch.distributions.Normal($a, 1.0).rsample()
    torch.distributions.Normal($a, 1.0).log_prob($b)
    fit(torch.distributions.Categorical(logits=$a).sample())
    torch.distributions.Gamma($a.abs() + 1, 1.0).rsample()
    torch.distributions.Uniform(-1.0, 1.0).sample((3, 4))
    fit(torch.distributions.Bernoulli(logits=$a).sample())
    torch.distributions.Beta($a.abs() + 1, 2.0).sample() | torch.full((3, 4), SCALE)
    torch.full_like($a, rate) | fit(torch.randperm(12)) | torch.eye(3, 4)
    torch.linspace(0, 1, 12).reshape(3, 4) | $a.new_zeros(3, 4)
    torch.nn.init.xavier_uniform_(torch.empty(3, 4))
    $a.new_tensor([1.0, 2.0, 3.0, 4.0]).expand(3, 4)
    torch.rand(3, 4, generator=torch.Generator().manual_seed(n)) | $a.bernoulli(0.5)
""")
WRITES = listed("""
    $v.add_($a, alpha=0.5) | $v.mul_(0.9) | $v[0] = $a[1] | $v[:, 1:3] += $a[:, :2] | $v.zero_()
    $v.clamp_(-2, 2) | $v.view(-1)[3] = 0.25 | $v[1].mul_(2) | $v.narrow(1, 0, 2).copy_($a[:, 2:])
    $v[$a > 0.5] = 0.1 | $v += $a | $v.sub_($a) | $v.t()[0] = 1.0 | $v.select(0, 2).add_(1)
    $v.diagonal().fill_(0.5) | $v[-1, ::2] = $a[0, ::2] | $v.copy_($a) | $v.tanh_() | $v *= w
    $v.index_add_(0, torch.tensor([0, 2]), $a[:2]) | $v.as_strided((2, 2), (4, 1), 1).add_(1)
    $v[1:][:, ::2].mul_(2) | $v.masked_fill_($a < 0, 0.3)
    $v.index_fill_(1, torch.tensor([0]), 2.0) | $v.scatter_(1, $a.argmax(1, keepdim=True), 1.5)
    $v[torch.tensor([0, 2])] = $a[:2] | $v.uniform_() | $v.normal_(0, 0.1) | $v.bernoulli_(0.5)
    $v[$a.argmax(1)[0] % 3] = 0.0 | $v.put_(torch.tensor([1, 5]), $a[0, :2])
    $v.addcmul_($a, $b, value=0.1) | $v.lerp_($a, 0.2) | $v.unsqueeze(0)[0, 1].sub_($a[0])
    $v.relu_() | $v.squeeze_() | $v.t_().t_() | $v.flatten()[2:5].neg_()
    $v.chunk(2, 0)[0].add_(1) | $v.set_($v) | torch.add($a, $b, out=$v)
    torch.nn.init.constant_($v, 0.3) | $v.fill_($a.sum()) | $v.exponential_() | $v.data.mul_(0.5)
    $v.detach().add_(0.5) | $v.cumsum_(1) | $v.clip_(max=1) | $v[..., 0] = $a[..., 1].detach()
""")
CONDITIONS = listed("""
    $a.sum() > $c | $a.mean().item() < $c | ($a > 0).any() | float($a[0, 0]) > $c | $y.numel() > 3
    int($a.abs().sum().nan_to_num(0, 0, 0).clamp(max=99)) % 2 == 0
    $a.abs().max() > $c and $b.sum() < 1 | n > 2 | not $a.sum() > 0 | $a[$a > 0].shape[0] > 5
    torch.nonzero($a > $c).size(0) > 4 | flag | $a.argmax().item() == 3 | p.grad is None
    $a.requires_grad | len($a[$a < 0]) > 3 | config.flag | bool($a.sum() > $b.sum())
    $a.sum() == 0 | round($a.mean().nan_to_num(0, 0, 0).item(), 1) > $c | SCALE > 1.6
    torch.equal($a, $b) | torch.allclose($a, $b) | $a.sum().item() * 2 + 1 > $b.sum().item()
    max($a[0].tolist()) > $c | $a.isnan().any() | $a.is_contiguous() | $y.dtype == torch.float32
    block.training | TABLE[$a[0].argmax()] > 0 | range(5)[$a[0].argmin()] > 1 | $a.grad_fn is None
    math.floor($a[0, 0].clamp(-9, 9).nan_to_num()) > 0 | $c in [1, 2] or $a.max() > $b.max()
    any(r.sum() > 1 for r in $a) | all($a[0] > -1) | sum($a[0].tolist()) > $c
    'a' in config.deep['names'] | rate > 0.75 | $a.dim() == 2 | extra is not None | x.is_leaf
    $a.std() > 0.5 | min($a[:, 0]) < $c | $a.unique().numel() > 9 | $a.count_nonzero() > 6
    q.grad is not None and q.grad.norm() > 1 | isinstance($a.sum().item(), float)
""")
NUMBERS = listed("""
    $a * rX | $a + (rX * 2 - 1) | $a / (abs(rX) + 1) | torch.full((3, 4), rX) + $a | $a - rX ** 2
    $a.clamp(max=max(rX, 0.5)) | $a * round(rX, 1) | torch.add($a, $b, alpha=rX) | rX * $a
    $a * float(f'{rX:.1f}') | $a * int(rX * 3) | $a + math.tanh(rX) | $a * (rX if rX > 0 else -rX)
    $a + torch.tensor([rX, 1.0, 2.0, rX]) | $a * [rX, 2.0][n % 2] | $a + {'v': rX}['v']
    $a.roll(int(rX) % 3, 0) | $a + sum([rX, 1.0]) | F.dropout($a, min(abs(rX), 0.9))
    $a.masked_fill($a > rX, rX) | $a.pow(2 if rX > 0 else 3) | torch.where($a > rX, rX, $a)
    $a * (rX == rX) | F.leaky_relu($a, rX) | torch.lerp($a, $b, rX) | $a + complex(rX, 0).real
    $a * bool(rX) | $a + str(rX).count('-') | $a - divmod(rX, 2)[1]
""")
RESULTS = listed("""
    $a | $a.sum() | ($a, $b * 1) | $a.mean().item() | [$a * 1, $a.sum().item(), n]
    {'a': $a * 2, 'b': None} | $a.argmax().item() | buffer | $a.shape | ($a * 1)[0] | None
    Pair($a * 1, $b.sum()) | $a.t() | ($a * 2).view(-1) | $a.max(1) | $a.sort(1) | ($a, $a)
    $a.tolist() | $a > 0 | $a.nonzero() | $a[$a > 0] | x | p | p * 1 | [$a.detach(), $a]
    x.view(-1) | whole[1] | ($a.sum(), {'loss': [$b.mean(), 1.0]}) | $a.double() | $a.new_zeros(0)
    $a.sum().detach() | $a.unbind(0) | $a.chunk(2, 1) | $a.size(1) * 2 | $y | $a.std().item() > 1
    int($a.argmax()) | p.grad | $a.norm(), $a.abs().amax(1) | torch.linalg.qr($a.detach())
    $a.detach().clone().requires_grad_() | (x, $a * 1) | $a.expand(2, 3, 4) | buffer[0]
    $a.is_contiguous(), $a.stride() | $a.dtype | str(n)
""")
ERRORS = listed("""
    if $a.sum() > $c: raise ValueError(f'too large {n}') | assert $a.max() < 5, 'large'
    $a[int($a.abs().sum().nan_to_num(0, 0, 0).clamp(max=50))]
    table(torch.tensor([int($a.abs().max().nan_to_num(0, 0, 0).clamp(max=50)) + 2]))
    $a.view(int($a.abs().max().nan_to_num(0, 0, 0).clamp(max=50)) + 1, -1)
    F.nll_loss($a.log_softmax(1), $a.abs().long().clamp(max=50)[:, 0])
    torch.linalg.cholesky($a[:, :3]) | torch.bernoulli($a) | torch.multinomial($a[0], 1)
    $a + torch.ones(int($a.abs().max().nan_to_num(0, 0, 0).clamp(max=9)))
    F.binary_cross_entropy($a, $b) | F.one_hot($a.long()) | torch.tensor([1])[$a[0].argmax()]
""")
EFFECTS = listed("""
    print('step', n) | print($a.sum()) | offsets.append(n) | config.rate += 0.01
    torch.manual_seed(n) | handles.append($a.detach()) | block.eval() | scheduler.step()
    p.requires_grad_(not p.requires_grad) | config.last = $a.sum().item() | whole.resize_(2, 3, 4)
    optimizer.param_groups[0]['lr'] *= 0.9 | buffer.last = 3 | p.register_hook(lambda g: g * 0.5)
    block.inner.extra = 1
""")
BETWEEN = listed("""
    SCALE = 1.5 + 0.2 * (k % 3) | rate = 0.7 + 0.1 * (k % 2) | config.rate = 0.3 + 0.2 * (k % 2)
    Config.gain = 0.5 if k % 3 else 0.25 | block.train(k % 2 == 0)
    block.mode = 'sum' if k < 4 else 'neg' | torch.rand(k) | torch.manual_seed(k)
    optimizer.param_groups[0]['lr'] = 0.01 * (k + 1) | scheduler.step() | config.flag = k % 2 == 0
    config.deep['k'] = k % 3 | offsets[0] = k | p.grad = None | optimizer.zero_grad()
    p.data = p.data * 1 | p.data.mul_(0.9) | buffer.add_(k)
    block.inner = torch.nn.Tanh() if k == 3 else block.inner
    p.grad = torch.ones(3, 4) if k == 2 else p.grad | whole[0] = k
    block.scale.requires_grad_(k % 3 != 1) | torch.set_grad_enabled(True)
    other.train(k % 3 != 1) | TABLE[1] = float(k)
    optimizer.load_state_dict(optimizer.state_dict()) | block.lin.weight.grad = None
    optimizer.step() | w.detach().add_(0.1)
""")
VIEWS = listed("""
    [1:] | .t() | .view(-1) | [:, 1] | .diagonal() | .unfold(1, 2, 2)
    .as_strided((2, 3), (4, 1)) | .unsqueeze(1) | .detach() | .expand(2, 3, 4)[0]
    .narrow(1, 1, 2) | .split(2, 1)[1] | .real | .chunk(3)[0]
""")
VIEW_WRITES = listed("""
    $v.mul_(3) | $w.add_(1) | $v[0] = 2.0 | $v += 1 | $w[0].zero_() | $w[:, 0] = $v.sum()
""")
GATHERS = listed("""
    sum([t * 0.5 for t in ($a, $b)]) | torch.stack([$a, $b, $a]).mean(0)
    torch.cat([row[None] for row in $a]) | [$a, $b][int($a.sum() > 0)] | torch.tensor($a.tolist())
    torch.stack([t for t in ($a, $b, $a) if t.sum() > $c] or [$a])[0]
    {k: t * i for i, (k, t) in enumerate({'u': $a, 'v': $b}.items())}['v']
    sorted([$a, $b], key=lambda t: t.sum().item())[0] | max($a, $b, key=lambda t: t.mean())
    torch.stack([*map(lambda t: t.tanh(), $a)]) | [*itertools.accumulate([$a, $b, $a])][-1]
    Pair($a, $b).second | dict(a=$a, **{'b': $b})['b']
    (lambda u, *r, k=1: u * k + r[0])($a, $b, k=2) | torch.as_tensor([[float($a[0, 0])] * 4] * 3)
    next(iter([$a, $b])) | [$a, $b].pop() | torch.tensor([$a.sum(), 1.0, 2.0, $b.mean()]) * $a
    list(zip($a, $b))[1][0].expand(3, 4)
    torch.stack(sorted($a, key=float) if False else list($a)) | Counter().add($a).seen[0]
""")
UPDATES = listed("""
    buffer.mul_(0.9).add_($a.detach(), alpha=0.1) | whole[0].add_($a.detach())
    with torch.no_grad(): p.mul_(0.99) | with torch.no_grad(): buffer.copy_($a)
    with torch.no_grad(): q[0] += $a.mean() | block.count.add_($a.detach().sum())
    p.data.add_(0.01) | with torch.no_grad(): w.clamp_(-1, 1) | buffer[1] = $a[0].detach()
    with torch.no_grad(): block.scale.copy_($a[0].tanh()) | buffer.t()[1] = 0.5
    if p.grad is not None: p.grad.mul_(0.5) | if q.grad is not None: q.grad = q.grad * 0.9
""")
LOSSES = listed("""
    ((block($a) + p * $b) ** 2).mean() + ($a @ q).tanh().sum()
    F.mse_loss(block($a), $b) + (p * q[:3]).sum()
    F.cross_entropy(block($a) * w, $b.argmax(1)) + p.norm()
    (table(torch.tensor([0, 3, 3])) * $a * p).sum()
    Square.apply(block($a) * p, 0.5).mean() + w.sum()
    ((p - $a) ** 2).mean() | (p * $a * w).abs().mean()
""")
CLIPS = listed("""
    torch.nn.utils.clip_grad_norm_([p, q], 1.0) | torch.nn.utils.clip_grad_value_([p, q], 0.1)
    torch.nn.utils.clip_grad_norm_(block.parameters(), 0.5, foreach=False) | p.grad.mul_(0.5)
    p.grad = p.grad + 0.1 * p.detach()
    if p.grad is not None and p.grad.norm() > 1: p.grad.div_(2)
    for one in (p, q): one.grad = None if one.grad is None else one.grad.clamp(-1, 1)
""")
LEAF_WRITES = listed("""
    p.add_($a) | q.mul_(2) | x.mul_(0.5) | p[0] = 1.0 | x.copy_($a) | buffer.add_($a)
""")
ARGUMENT_WRITES = listed("""
    x.detach().add_(1) | y.zero_() | x.data.mul_(0.5) | with torch.no_grad(): x[0] = $a[1]
    y.add_(1)
""")
HOOKS = listed("""
    if $v.requires_grad: $v.register_hook(lambda g: g * 2) | if $v.requires_grad: $v.retain_grad()
    if $v.requires_grad: $v.register_hook(handles.append)
""")
SCOPES = listed("""
    torch.no_grad() | torch.no_grad() | torch.enable_grad() | scope()
    torch.set_grad_enabled(n > 2) | torch.autograd.set_grad_enabled(flag)
""")
LOOPS = listed("""
    i in range(n) | i in range(2) | i, t in enumerate(TABLE[:2]) | i in offsets[:2]
    i in itertools.islice(itertools.count(), 2)
""")
