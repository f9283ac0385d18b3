namespace Ioasis.Devices;

/// <summary>
/// A parent of emulated edu devices, the type <c>edu-1</c>. It is no PCI function and has no DMA: each mdev reaches the
/// memory of its own program. See docs/devices/edu.md.
/// </summary>
[MdevParent("edus", Class = "edu")]
public sealed class EduParent : IMdevParent
{
    /// <summary>Address bits that the DMA engine of an mdev drives, if its attribute <c>dma_bits</c> is not written.
    /// </summary>
    internal const int DmaBits = 28;

    /// <summary>Makes a parent.</summary>
    public EduParent() => MdevTypes = [new EduType()];

    /// <inheritdoc/>
    public IReadOnlyList<MdevType> MdevTypes { get; }

    /// <inheritdoc/>
    public int MaxMdevs => 64;

    private sealed class EduType : MdevType
    {
        public override string Name => "1";

        public override string Description => "QEMU's educational device, in software only";

        public override MdevStatus Create(Guid uuid, out Mdev? mdev)
        {
            mdev = new Edu.EduMdev();
            return MdevStatus.Ok;
        }
    }
}
