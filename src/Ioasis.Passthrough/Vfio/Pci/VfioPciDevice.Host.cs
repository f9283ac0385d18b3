using System.Buffers.Binary;
using System.Collections.Concurrent;
using Ioasis.Abi;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>What programs ask of the function through its files in sysfs.</summary>
internal sealed partial class VfioPciDevice
{
    // A device that does not come to what is posted, in a reset that takes long, loses what comes beyond.
    private const int MostPosted = 4096;

    // What programs asked of the function by its files in sysfs and has not been done. Who does it holds _access; each
    // call on a file of the device does it first, so that it comes before all that the program asks afterwards. A
    // thread of the pool does it if there is no call, one for all of it.
    private readonly ConcurrentQueue<(Action Work, Action Done)> _posted = new();
    private readonly Queue<Action> _settled = []; // who is to be told; guarded by _access
    private int _hasThread;
    private bool _isGone; // guarded by _access

    /// <summary>
    /// Resets the function, configuration space excepted, as Linux does for sysfs's <c>reset</c>: soon, and before any
    /// call that comes later.
    /// </summary>
    internal void ResetSoon() => Post(ResetLocked, static () => { });

    /// <summary>
    /// Writes the function's own configuration space, as Linux does for sysfs's <c>config</c>, whoever has the device:
    /// soon, and before any call that comes later.
    /// </summary>
    /// <param name="position">Where, within configuration space.</param>
    /// <param name="bytes">What.</param>
    /// <param name="done">Called when it is written, under no lock of the device.</param>
    internal void WriteConfigurationSoon(int position, byte[] bytes, Action done) =>
        Post(() => WriteHardware(position, bytes), done);

    /// <summary>Does what is posted.</summary>
    public void Settle()
    {
        if (_posted.IsEmpty) return;
        using (_access.Enter()) SettleLocked();
    }

    private void SettleLocked()
    {
        while (_posted.TryDequeue(out (Action Work, Action Done) next))
        {
            if (!_isGone) next.Work();
            _settled.Enqueue(next.Done);
        }
    }

    private void SettleAndTell()
    {
        Action[] settled;
        using (_access.Enter())
        {
            Volatile.Write(ref _hasThread, 0); // what is posted from here on gets another
            SettleLocked();
            settled = [.. _settled];
            _settled.Clear();
        }

        foreach (Action done in settled) done();
    }

    private void Post(Action work, Action done)
    {
        if (_posted.Count >= MostPosted) return;
        _posted.Enqueue((work, done));
        if (Interlocked.Exchange(ref _hasThread, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static device => device.SettleAndTell(), this, preferLocal: false);
    }

    // In the widest aligned accesses, as Linux makes them.
    private void WriteHardware(int position, ReadOnlySpan<byte> bytes)
    {
        Span<byte> value = stackalloc byte[4];
        while (!bytes.IsEmpty)
        {
            int width = position % 4 == 0 && bytes.Length >= 4 ? 4 : position % 2 == 0 && bytes.Length >= 2 ? 2 : 1;
            value.Clear();
            bytes[..width].CopyTo(value);
            WriteHardware(position, width, BinaryPrimitives.ReadUInt32LittleEndian(value));
            position += width;
            bytes = bytes[width..];
        }
    }

    private void WriteHardware(int position, int width, uint value)
    {
        _hardware.Write(position, width, value);
        PciRange written = new(position, width);
        if (written.Has(PciRegs.PCI_COMMAND)) ApplyCommand();
        if (_hardware.Layout.PowerManagement is var power and not 0 && written.Has(power + PciRegs.PCI_PM_CTRL))
            SetPowerState((int)(written.Byte(value, power + PciRegs.PCI_PM_CTRL) & PciRegs.PCI_PM_CTRL_STATE_MASK));
        const int flrByte = PciRegs.PCI_EXP_DEVCTL + 1, flr = PciRegs.PCI_EXP_DEVCTL_BCR_FLR >> 8;
        if (_hardware.Layout.Express is var express and not 0 && written.Has(express + flrByte)
            && (written.Byte(value, express + flrByte) & flr) != 0)
            ResetLocked();
    }

    /// <summary>The bytes of one access.</summary>
    private readonly record struct PciRange(int Position, int Width)
    {
        internal bool Has(int position) => position >= Position && position < Position + Width;

        internal uint Byte(uint value, int position) => (value >> ((position - Position) * 8)) & 0xff;
    }
}
