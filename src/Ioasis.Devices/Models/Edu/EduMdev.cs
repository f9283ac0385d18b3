using Ioasis.Memory;
using static Ioasis.Devices.Edu.EduRegisters;

namespace Ioasis.Devices.Edu;

/// <summary>
/// An edu that is nothing but software (<c>edu-1</c>): it moves data by its access to the program's memory. Each
/// transfer looks its memory up, or goes through a window of pinned pages. See docs/devices/edu.md.
/// </summary>
internal sealed class EduMdev : EmulatedMdev, IEduHost
{
    // Registers that edu has not.
    private const uint WindowAddress = 0x100, WindowLength = 0x108, Repeat = 0x10c, Moves = 0x110, Result = 0x118;
    private const uint ExtraEnd = 0x11c;
    private const uint Done = 1, Refused = 2; // Result
    private const uint WindowInterrupt = 0x200;

    private readonly uint[] _words = new uint[ExtraEnd / 4]; // what each register reads as
    private readonly EduCore _core;
    private readonly EduWindow _window = new();
    private EduConfig _config = new();
    private volatile IMdevSlot? _slot;
    private int _dmaBits = EduParent.DmaBits;

    internal EduMdev()
    {
        _core = new EduCore(this, 0);
        var sizes = new ulong[9];
        (sizes[0], sizes[ConfigRegion]) = (EduConfig.BarSize, EduConfig.Size);
        RegionSizes = sizes;
        Attributes = [new MdevAttribute("vendor", "dma_bits", () => _dmaBits.ToString()) { Store = SetDmaBits }];
    }

    public override IReadOnlyList<ulong> RegionSizes { get; }

    public override IReadOnlyList<MdevAttribute> Attributes { get; }

    public override bool HasInterruptPin => true;

    public override int MsiVectors => 1;

    public override bool IsToldOfUnmaps => true;

    public override void Open(IMdevSlot slot)
    {
        int bits = Volatile.Read(ref _dmaBits);
        _core.DmaMask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
        _config = new EduConfig();
        Reset();
        _slot = slot;
    }

    public override void Close()
    {
        Reset();
        _slot = null;
    }

    public override void Reset()
    {
        _core.Reset();
        _window.Close();
        Array.Clear(_words);
        Set(Identification, Identity);
        Set(RaiseInterrupt, Idle);
        Set(Acknowledge, Idle);
    }

    public override void Remove() => _core.End();

    /// <summary>Its registers take accesses of 4 bytes, and an access of 8 bytes comes as two of these.</summary>
    public override uint Read(int region, ulong offset, int width)
    {
        if (region == ConfigRegion) return _config.Read((int)offset, width);
        if (width != 4 || !IsRegister(offset)) return uint.MaxValue;
        return (uint)offset == WindowLength ? _window.Length : Get((uint)offset);
    }

    public override void Write(int region, ulong offset, int width, uint value)
    {
        if (region == ConfigRegion)
        {
            _config.Write((int)offset, width, value);
            if (!_config.IsBusMaster) _window.Settle(); // when bus mastering is off, nothing is under way
        }
        else if (width == 4 && IsRegister(offset))
        {
            Write((uint)offset, value);
        }
    }

    public override void Unmapped(Iova first, ulong length)
    {
        if (_window.Close(first, length)) _core.Raise(WindowInterrupt);
    }

    ulong IEduHost.ValueOf(uint offset) => Get(offset) | ((ulong)Get(offset + 4) << 32);

    void IEduHost.Publish(uint offset, ulong value)
    {
        Set(offset, (uint)value);
        if (offset == Command) Set(offset + 4, (uint)(value >> 32));
    }

    void IEduHost.Raise()
    {
        if (_slot is not { } slot) return;
        if (!_config.IsBusMaster || !slot.RaiseMessage(0)) slot.RaiseInterrupt();
    }

    /// <summary>INTx masks itself when it fires, so there is no line to lower.</summary>
    void IEduHost.Lower()
    {
    }

    void IEduHost.Move(Iova memory, Span<byte> buffer, bool toMemory, CancellationToken abort)
    {
        uint left = Get(Repeat);
        bool isDone;
        do
        {
            isDone = MoveOnce(memory, buffer, toMemory);
            if (isDone) AddMove();
        }
        while (isDone && left-- > 0 && !abort.IsCancellationRequested);
        Set(Result, isDone ? Done : Refused);
    }

    private bool MoveOnce(Iova memory, Span<byte> buffer, bool toMemory) =>
        _slot is { } slot && _window.TryMove(slot, _config, memory, buffer, toMemory);

    // Only the DMA engine counts.
    private void AddMove()
    {
        uint low = unchecked(Get(Moves) + 1);
        if (low == 0) Set(Moves + 4, Get(Moves + 4) + 1);
        Set(Moves, low);
    }

    private void Write(uint offset, uint value)
    {
        switch (offset)
        {
            case WindowLength when _slot is { } slot:
                ulong address = Get(WindowAddress) | ((ulong)Get(WindowAddress + 4) << 32);
                _window.Open(slot, new Iova(address & _core.DmaMask), value);
                break;
            case >= Source and < Command or WindowAddress or WindowAddress + 4 or Repeat:
                Set(offset, value);
                break;
            case Command:
                Set(Result, 0);
                _core.Ring(offset, value);
                break;
            default:
                _core.Ring(offset, value);
                break;
        }
    }

    private bool SetDmaBits(string text)
    {
        if (!int.TryParse(text, out int bits) || bits is < 1 or > 64) return false;
        Volatile.Write(ref _dmaBits, bits);
        return true;
    }

    private static bool IsRegister(ulong offset) => offset
        is Identification or Liveness or Factorial or Status or InterruptStatus or RaiseInterrupt or Acknowledge
        or (>= Source and < End) or (>= WindowAddress and < ExtraEnd);

    private uint Get(uint offset) => Volatile.Read(ref _words[offset / 4]);

    private void Set(uint offset, uint value) => Volatile.Write(ref _words[offset / 4], value);
}
