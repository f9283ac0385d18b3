using Ioasis.Abi;
using Ioasis.Memory.Threads;

namespace Ioasis.Passthrough.Vfio;

public sealed partial class VfioPciDevice
{
    // Guards how many files are open, and whether the device is being removed. Innermost.
    private readonly RankedLock _registration = new(LockRank.VfioRegistration);
    private readonly VfioPciDevice? _physical;
    private int _files;
    private bool _removed;
    private Action? _unused;
    private int _numVfs; // guarded by _access

    /// <summary>
    /// The token of a physical function with virtual ones, of a virtual one its physical one's; null for any other.
    /// </summary>
    private VfToken? Token => _physical is null ? OwnToken : _physical.OwnToken;

    /// <summary>The token that programs can set: a physical function's with virtual ones.</summary>
    internal VfToken? OwnToken { get; }

    /// <summary>Where the BARs of the first virtual function are; the next one's follow them.</summary>
    internal IReadOnlyList<ulong> VfBarAddresses { get; }

    /// <summary>
    /// How many virtual functions are enabled, as the capability shows it. While there are any, the function stays
    /// awake.
    /// </summary>
    public void SetNumVfs(int count)
    {
        using (_access.Enter())
        {
            _numVfs = count;
            if (_powerState != 0 && count != 0) SetPowerState(0);
            ShowNumVfs();
            ShowConfiguration(LargestConfiguration);
        }
    }

    /// <summary>
    /// Takes the device from programs (Linux: vfio_unregister_group_dev): no file of it is opened any more, and who has
    /// asked for it is told by the eventfd of the request index.
    /// </summary>
    /// <param name="unused">Called once, when the last file is closed, perhaps before this returns.</param>
    public void Remove(Action unused)
    {
        bool isUnused;
        using (_registration.Enter())
        {
            _removed = true;
            isUnused = _files == 0;
            if (!isUnused) _unused += unused;
        }

        if (isUnused) unused();
        else _interrupts.RequestRelease();
    }

    /// <summary>Programs can have a device again that was removed and whose files are closed.</summary>
    internal void Restore(VfioGroup group)
    {
        using (_registration.Enter())
        {
            Group = group;
            _removed = false;
        }
    }

    /// <summary>Whether a program may have the device (Linux: vfio_pci_core_match_token_uuid).</summary>
    internal Errno MatchToken(Guid? token)
    {
        if (Token is null) return token is null ? Errno.None : Errno.EINVAL;
        return _physical is null ? Token.MatchPhysical(token) : Token.MatchVirtual(token);
    }

    /// <summary>Whether it is being taken from programs.</summary>
    internal bool IsRemoved
    {
        get { using (_registration.Enter()) return _removed; }
    }

    /// <summary>A file of the device is to be opened; <see cref="RemoveFile"/> when it is closed.</summary>
    internal Errno AddFile()
    {
        using (_registration.Enter())
        {
            if (_removed) return Errno.ENODEV;
            _files++;
            return Errno.None;
        }
    }

    internal void RemoveFile()
    {
        Action? unused = null;
        using (_registration.Enter())
            if (--_files == 0) (unused, _unused) = (_unused, null);
        unused?.Invoke();
    }

    /// <summary>
    /// The capability's registers; a reset of the function's configuration loses them, and they are put back, as Linux
    /// does.
    /// </summary>
    private void ShowNumVfs()
    {
        if (_hardware.Layout.Sriov is not (var at and not 0)) return;
        const ushort on = PciRegs.PCI_SRIOV_CTRL_VFE | PciRegs.PCI_SRIOV_CTRL_MSE;
        _hardware.Set16(at + PciRegs.PCI_SRIOV_CTRL, on, _numVfs == 0 ? (ushort)0 : on);
        _hardware.Set16(at + PciRegs.PCI_SRIOV_NUM_VF, 0xffff, (ushort)_numVfs);
    }
}
