using Ioasis.Devices.Blocks;

namespace Ioasis.Devices.Nvme;

/// <summary>
/// The type <c>nvme-1q</c>: an mdev is a controller with one pair of I/O queues, whose namespace is a part of its
/// parent's blocks. The lowest free part is taken. Its blocks are erased when the mdev is removed; they outlive the
/// machine, in which case they are what the file has.
/// </summary>
/// <param name="parent">The parent.</param>
/// <param name="count">How many mdevs it can have.</param>
internal sealed class NvmeSliceType(NvmeDevice parent, int count) : MdevType
{
    private readonly bool[] _taken = new bool[count]; // guarded by the host's lock for types

    /// <inheritdoc/>
    public override string Name => "1q";

    /// <inheritdoc/>
    public override string Description => "one pair of I/O queues and a part of the blocks, with a PASID of its own";

    /// <inheritdoc/>
    public override int? Available => _taken.Count(taken => !taken);

    /// <inheritdoc/>
    public override MdevStatus Create(Guid uuid, out Mdev? mdev)
    {
        mdev = null;
        int free = Array.IndexOf(_taken, false);
        if (free < 0) return MdevStatus.NoneLeft;
        _taken[free] = true;
        BlockStore blocks = parent.SliceOf(free + 1);
        mdev = new Slice(new NvmeSubdevice(blocks, uuid), blocks, () => _taken[free] = false);
        return MdevStatus.Ok;
    }

    private sealed class Slice(NvmeSubdevice model, BlockStore blocks, Action release) : PciMdev(model)
    {
        public override bool KeepsData => true;

        public override void Erase() => blocks.Erase(0, blocks.Size);

        public override void Remove() => release();
    }
}
