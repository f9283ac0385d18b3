using Ioasis.Abi;
using Ioasis.Iommufd;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>The virtual functions, and the token that their programs share.</summary>
internal sealed partial class VfioPciDevice
{
    private readonly VfioPciDevice? _physical; // of a virtual function
    private int _numVfs; // guarded by _access

    /// <summary>
    /// The token of a physical function that can have virtual ones, or of a virtual function's physical one; else null.
    /// </summary>
    private VfToken? Token => _physical is null ? OwnToken : _physical.OwnToken;

    /// <summary>The token that programs can set: a physical function's with virtual ones.</summary>
    internal VfToken? OwnToken { get; }

    /// <summary>Where the BARs of the first virtual function are; the next one's follow them.</summary>
    internal ulong[] VfBarAddresses { get; }

    /// <summary>
    /// Sets how many virtual functions the capability shows as enabled. While there are any, the function stays awake.
    /// </summary>
    internal void SetNumVfs(int count)
    {
        using (_access.Enter())
        {
            _numVfs = count;
            if (_powerState != 0 && count != 0) SetPowerState(0);
            ShowNumVfs();
            ShowConfiguration(LargestConfiguration);
        }
    }

    /// <inheritdoc/>
    public Errno MatchToken(Guid? token)
    {
        if (Token is null)
            return token is null
                ? Errno.None
                : Errno.EINVAL.Because("the device takes no token, as it has no virtual functions");
        return _physical is null ? Token.MatchPhysical(token) : Token.MatchVirtual(token);
    }

    /// <summary>
    /// Writes the SR-IOV capability's registers. A reset of the function's configuration loses them, and Linux puts
    /// them back.
    /// </summary>
    private void ShowNumVfs()
    {
        if (_hardware.Layout.Sriov is not (var at and not 0)) return;
        const ushort on = PciRegs.PCI_SRIOV_CTRL_VFE | PciRegs.PCI_SRIOV_CTRL_MSE;
        _hardware.Set16(at + PciRegs.PCI_SRIOV_CTRL, on, _numVfs == 0 ? (ushort)0 : on);
        _hardware.Set16(at + PciRegs.PCI_SRIOV_NUM_VF, 0xffff, (ushort)_numVfs);
    }
}
