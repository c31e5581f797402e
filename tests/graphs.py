"""What a training step reads and writes, told from its graph: an order that is not fixed there is TensorFlow's to choose."""

SAME_MEMORY = ("Enter", "Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "Switch")


def _before(op, known):
    """All operations that have run before ``op`` does."""
    if op not in known:
        found, left = set(), [op]
        while left:
            one = left.pop()
            for other in [tensor.op for tensor in one.inputs] + one.control_inputs:
                if other not in found:
                    found.add(other)
                    left.append(other)
        known[op] = found
    return known[op]


def _readers(tensor, inside):
    """The operations among ``inside`` that look at a variable's memory; what ReadVariableOp gives is nobody else's any more."""
    for op in tensor.consumers():
        if op in inside:
            yield op
            if op.type in SAME_MEMORY:
                for output in op.outputs:
                    yield from _readers(output, inside)


def races(*fetched):
    """(a weight's update, an operation that may read the weight before or after it), names, in one call of ``Session.run``."""
    known = {}
    inside = {getattr(item, "op", item) for item in fetched}
    inside = inside.union(*[_before(op, known) for op in inside])
    updates = [op for op in inside if op.type.endswith("ApplyAdam")]
    assert updates
    found = []
    for update in updates:
        for reader in _readers(update.inputs[0], inside):
            if reader is not update and reader not in _before(update, known) and update not in _before(reader, known):
                found.append((update.name, reader.name))
    return sorted(found)


def forget_gradients():
    """Frees graphs that nothing uses: ``tf.custom_gradient`` enters every use of it into a table for good, and with it the graph
    and what its sessions hold."""
    from tensorflow.python.framework import ops

    gradients = ops._gradient_registry._registry
    for name in [name for name in gradients if name.startswith("CustomGradient-")]:
        del gradients[name]
