namespace Ioasis.Devices;

/// <summary>
/// A parent of emulated serial devices with 24 ports, which mdevs of one or two ports share: the types <c>mtty-1</c>
/// and <c>mtty-2</c> (Linux: samples/vfio-mdev/mtty.c). No PCI function, and no DMA. See docs/mdev.md.
/// </summary>
[MdevParent("mtty")]
public sealed class MttyParent : IMdevParent
{
    internal const int Ports = 24;

    // The host's lock for types guards it.
    private int _taken;

    /// <summary>Makes a parent whose ports are all free.</summary>
    public MttyParent() => MdevTypes =
        [new PortsType(this, 1, "Single port serial"), new PortsType(this, 2, "Dual port serial")];

    /// <inheritdoc/>
    public IReadOnlyList<MdevType> MdevTypes { get; }

    private sealed class PortsType(MttyParent parent, int ports, string name) : MdevType
    {
        public override string Name => ports == 1 ? "1" : "2";

        public override string DisplayName => name;

        public override int? Available => (Ports - parent._taken) / ports;

        public override MdevStatus Create(Guid uuid, out Mdev? mdev)
        {
            mdev = null;
            if (Available == 0) return MdevStatus.NoneLeft;
            parent._taken += ports;
            mdev = new Mtty.MttyDevice(uuid, ports, () => parent._taken -= ports);
            return MdevStatus.Ok;
        }
    }
}
