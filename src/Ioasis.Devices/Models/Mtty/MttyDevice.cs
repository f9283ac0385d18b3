namespace Ioasis.Devices.Mtty;

/// <summary>An mdev with one or two serial ports, each in an I/O BAR of its own. What is sent comes back.</summary>
internal sealed class MttyDevice : EmulatedMdev
{
    private readonly Action _removed;
    private readonly MttyPort[] _ports;
    private MttyConfig _config;
    private IMdevSlot? _slot;

    internal MttyDevice(Guid uuid, int ports, Action removed)
    {
        Attributes = [new MdevAttribute("vendor", "sample_mdev_dev", () => $"This is MDEV {uuid:D}")];
        _removed = removed;
        _config = new MttyConfig(ports);
        _ports = [.. Enumerable.Range(0, ports).Select(_ => new MttyPort(Raise))];
        var sizes = new ulong[9];
        for (int port = 0; port < ports; port++) sizes[port] = MttyPort.Registers;
        sizes[ConfigRegion] = MttyConfig.Size;
        RegionSizes = sizes;
    }

    public override IReadOnlyList<ulong> RegionSizes { get; }

    public override IReadOnlyList<MdevAttribute> Attributes { get; }

    public override bool HasInterruptPin => true;

    public override int MsiVectors => 1;

    public override void Open(IMdevSlot slot)
    {
        _slot = slot;
        _config = new MttyConfig(_ports.Length);
        Reset();
    }

    public override void Close()
    {
        Reset();
        _slot = null;
    }

    public override void Reset()
    {
        foreach (MttyPort port in _ports) port.Reset();
    }

    public override uint Read(int region, ulong offset, int width)
    {
        if (region != ConfigRegion) return _ports[region].Read((int)offset);
        uint value = 0;
        for (int i = 0; i < width; i++) value |= (uint)_config.Read((int)offset + i) << (8 * i);
        return value;
    }

    public override void Write(int region, ulong offset, int width, uint value)
    {
        if (region == ConfigRegion) _config.Write((int)offset, width, value);
        else _ports[region].Write((int)offset, (byte)value);
    }

    public override void Remove() => _removed();

    private void Raise()
    {
        if (_slot is { } slot && !slot.RaiseMessage(0)) slot.RaiseInterrupt();
    }
}
