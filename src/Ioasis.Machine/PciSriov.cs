using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Machine;

/// <summary>
/// The virtual functions of a physical one, which a program enables by the attribute <c>sriov_numvfs</c> (Linux:
/// drivers/pci/iov.c and vfio_pci_core_sriov_configure). Enabled, each is a device of the machine; otherwise there is
/// nothing of them.
/// </summary>
/// <param name="machine">The machine.</param>
/// <param name="physical">The physical function.</param>
/// <param name="model">Its model.</param>
/// <param name="layout">What it says of them.</param>
internal sealed class PciSriov(
    SoftwareMachine machine, MachineDevice physical, PciDeviceModel model, SriovLayout layout)
{
    // Writers that were killed while they wait still have their turn; this many and no more.
    private const int MostWaiting = 1024;

    // Guards what follows. Taken before the machine's lock.
    private readonly RankedLock _lock = new(LockRank.VirtualFunctions);
    // for those that leave: Linux lets them wait for the device's lock
    private readonly List<(ushort Count, Action<Errno> Answer)> _waiting = [];
    private IReadOnlyList<MachineDevice> _functions = [];
    private int _inUse; // of those that leave

    /// <summary>The physical function.</summary>
    internal MachineDevice Physical => physical;

    /// <summary>What the physical function says of them.</summary>
    internal SriovLayout Layout => layout;

    /// <summary>Whether the driver has those that are enabled at once.</summary>
    internal FunctionSettings.Toggle Autoprobe { get; } = new(true);

    /// <summary>How many are enabled; those that leave count until all of them have left.</summary>
    internal int NumVfs
    {
        get { using (_lock.Enter()) return _functions.Count; }
    }

    /// <summary>Whether any are enabled, or leave, as it is at some moment: asked without waiting.</summary>
    internal bool HasAny => Volatile.Read(ref _functions).Count != 0;

    /// <summary>The address of a virtual function, from 0.</summary>
    /// <exception cref="ArgumentException">It lies beyond the last bus.</exception>
    internal static RequesterId AddressOf(RequesterId physical, SriovLayout layout, int number)
    {
        int routing = physical.Rid + layout.FirstVfOffset + (layout.VfStride * number);
        if (routing > ushort.MaxValue)
            throw new ArgumentException($"Virtual function {number} of {physical} lies beyond bus ff.");
        return new RequesterId(physical.Segment, (byte)(routing >> 8), (byte)((routing >> 3) & 31),
            (byte)(routing & 7));
    }

    /// <summary>Takes what was written to <c>sriov_numvfs</c>.</summary>
    /// <param name="text">The bytes.</param>
    /// <param name="answer">
    /// Called once with the errno of the write: with 0 when programs see what was asked for, which takes until they
    /// have closed the functions that leave.
    /// </param>
    internal void Store(ReadOnlySpan<byte> text, Action<Errno> answer)
    {
        if (!SysfsNumber.TryParse(text, out ushort count)) answer(Errno.EINVAL);
        else if (count > layout.TotalVfs) answer(Errno.ERANGE);
        // it is the driver that enables them
        else if (count != 0 && physical.Driver != DriverState.Bound) answer(Errno.ENOENT);
        else Configure(count, answer);
    }

    private void Configure(ushort count, Action<Errno> answer)
    {
        IReadOnlyList<MachineDevice> leaving = [];
        Errno errno = Errno.None;
        using (_lock.Enter())
        {
            if (_waiting.Count >= MostWaiting) errno = Errno.EBUSY;
            else if (_inUse != 0 || (count == 0 && _functions.Count != 0))
            {
                _waiting.Add((count, answer));
                if (_inUse != 0) return;
                leaving = _functions;
                _inUse = leaving.Count;
                machine.Hide(leaving);
            }
            else if (count != _functions.Count)
            {
                if (_functions.Count != 0) errno = Errno.EBUSY;
                else
                {
                    PciDeviceModel[] models =
                        [.. Enumerable.Range(0, count).Select(_ => model.CreateVirtualFunction())];
                    physical.Pci.SetNumVfs(count);
                    try
                    {
                        _functions = machine.PlugVirtual(this, models);
                    }
                    catch
                    {
                        physical.Pci.SetNumVfs(0);
                        throw;
                    }
                }
            }
        }

        // The files that are closed meanwhile are closed by threads that then come for the lock.
        foreach (MachineDevice function in leaving) machine.TakeFromDriver(function, Left);
        if (leaving.Count == 0) answer(errno);
    }

    // Called when the files of one that leaves are closed, or its driver in the host has given it back.
    private void Left()
    {
        (ushort Count, Action<Errno> Answer)[] waiting;
        using (_lock.Enter())
        {
            if (--_inUse != 0) return;
            machine.Unplug(_functions);
            _functions = [];
            physical.Pci.SetNumVfs(0);
            waiting = [.. _waiting];
            _waiting.Clear();
        }

        foreach ((ushort count, Action<Errno> answer) in waiting) Configure(count, answer);
    }
}
