using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Pasids;
using Ioasis.Devices;
using Ioasis.Devices.Slots;
using Ioasis.Iommufd;
using Ioasis.Iommufd.Files;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using Ioasis.Memory.Threads;
using Ioasis.Passthrough.Vfio.Interrupts;
using Ioasis.Passthrough.Vfio.Pci.Config;
using Ioasis.Passthrough.Vfio.Pci.Interrupts;

namespace Ioasis.Passthrough.Vfio.Pci;

/// <summary>
/// A PCI function as a VFIO device (Linux: struct vfio_pci_core_device): its regions and configuration space, INTx, MSI
/// and MSI-X, power, virtual functions. Or an mdev that is a part of a function and looks like one.
/// </summary>
internal sealed partial class VfioPciDevice : IVfioDeviceOps, IDisposable
{
    // Guards configuration space, and what decides whether BARs answer (Linux: memory_lock and igate). A reset holds it
    // while the model's threads end their work. Taken after VfioDevice's lock for bindings, before the slot's lock for
    // calls and the interrupts' lock.
    private readonly RankedLock _access = new(LockRank.VfioAccess);
    private readonly PciSlot _slot;
    private readonly IBusMaster _master; // the function's endpoint, or the part of it that the mdev is
    private readonly DmaHandle _handle;
    private readonly VfioPciDevice? _parent; // of an mdev
    private readonly PciConfig _hardware;
    private readonly VirtualConfig _config;
    private readonly PciInterrupts _interrupts;
    private readonly IoEventfds _ioEventfds;
    private int _powerState;
    private bool _inLowPower;
    private SharedBytes? _shownConfiguration; // where programs can read it without asking us

    /// <summary>Makes the device of a slot.</summary>
    /// <param name="slot">The slot, with the model in it.</param>
    /// <param name="endpoint">Its place behind an IOMMU.</param>
    /// <param name="addresses">Where its BARs are, and those of the virtual functions that it can have.</param>
    /// <param name="number">The numbers of its node.</param>
    /// <param name="physical">Of a virtual function, the physical one.</param>
    internal VfioPciDevice(
        PciSlot slot, Endpoint endpoint, (ulong[] Own, ulong[] Vf) addresses, (uint Major, uint Minor) number,
        VfioPciDevice? physical = null)
    {
        _physical = physical;
        OwnToken = slot.Function.Sriov is null ? null : new VfToken();
        Endpoint = endpoint;
        Requester = endpoint.Id.Requester ?? throw new ArgumentException($"{endpoint.Id} is no PCI function.");
        Name = Requester.ToString();
        _handle = new DmaHandle(endpoint);
        BarAddresses = addresses.Own;
        VfBarAddresses = addresses.Vf;
        (_slot, _master, _hardware, _config, _interrupts, _ioEventfds) = Build(slot, endpoint);
        Device = new VfioDevice(this, number);
    }

    /// <summary>Makes an mdev, which is a part of a function.</summary>
    /// <param name="slot">The slot, with the model in it.</param>
    /// <param name="part">The part of the function that it is.</param>
    /// <param name="name">Its UUID.</param>
    /// <param name="parent">The function, whose bus mastering is switched on for it.</param>
    /// <param name="driver">The function's driver: the same object for all its mdevs.</param>
    /// <param name="pasids">The PASIDs of the host, of which its program's are taken.</param>
    /// <param name="number">The numbers of its node.</param>
    internal VfioPciDevice(
        PciSlot slot, EndpointPart part, string name, VfioPciDevice parent, object driver, PasidSpace pasids,
        (uint Major, uint Minor) number)
    {
        _parent = parent;
        Part = part;
        Endpoint = part.Parent;
        Requester = parent.Requester;
        Name = name;
        _handle = new DmaHandle(part, driver, pasids);
        BarAddresses = VfBarAddresses = new ulong[6]; // it is on no bus
        (_slot, _master, _hardware, _config, _interrupts, _ioEventfds) = Build(slot, part);
        Device = new VfioDevice(this, number);
    }

    /// <summary>What it has in common with all VFIO devices.</summary>
    internal VfioDevice Device { get; }

    /// <summary>Its place behind an IOMMU; an mdev's is its parent's.</summary>
    internal Endpoint Endpoint { get; }

    /// <summary>The part of its parent that an mdev is; null for a function.</summary>
    internal EndpointPart? Part { get; }

    /// <summary>Its requester ID; an mdev's is its parent's.</summary>
    internal RequesterId Requester { get; }

    /// <summary>The PASID that an mdev's requests carry; null for a function.</summary>
    internal Pasid? Pasid => _handle.DefaultPasid;

    /// <summary>What it is.</summary>
    internal PciFunction Function => _slot.Function;

    /// <summary>Where each of the six BARs was placed, as sysfs's <c>resource</c> tells; 0 for none.</summary>
    internal ulong[] BarAddresses { get; }

    internal PciSlot Slot => _slot;

    internal PciInterrupts Interrupts => _interrupts;

    /// <summary>The function's own configuration space, as sysfs's <c>config</c> shows it: 256 or 4096 bytes.</summary>
    internal byte[] ReadConfiguration()
    {
        var bytes = new byte[_hardware.Size];
        Settle();
        using (_access.Enter()) _hardware.CopyTo(bytes);
        return bytes;
    }

    /// <inheritdoc/>
    public Errno Bind(IommufdContext context, out VfioBinding? binding) =>
        DeviceBinding.Bind(context, _handle, out binding);

    /// <summary>Unplugs the function; its files must be closed.</summary>
    public void Dispose()
    {
        using (_access.Enter()) _isGone = true;
        _slot.Dispose();
    }

    /// <summary>
    /// The function becomes usable, as after power-on, with memory decoding on (Linux: vfio_pci_core_enable).
    /// </summary>
    /// <param name="carrier">The bytes of the file through which it is used.</param>
    public void Open(ICarrier carrier) => Start(carrier);

    private void Start(ICarrier? carrier)
    {
        _parent?.EnableBusMaster();
        using (_access.Enter())
        {
            if (carrier is not null) ShowRegions(carrier);
            _slot.Reset();
            ResetHardware();
            _config.Open();
            _powerState = 0;
            _inLowPower = false;
            ApplyCommand();
            ShowConfiguration(LargestConfiguration);
        }

        _physical?.OwnToken!.AddUser();
    }

    /// <summary>
    /// The function is at rest: no DMA, no interrupts, nothing left of what the program wrote (Linux:
    /// vfio_pci_core_disable).
    /// </summary>
    public void Close()
    {
        _ioEventfds.Clear();
        using (_access.Enter())
        {
            _shownConfiguration = null;
            _interrupts.Close();
            _slot.TakeBarsBack();
            // After the reset: what it cuts short is not to look like a fault of the device.
            _master.Block = SendBlock.BusMasterDisabled;
            ResetHardware();
            _powerState = 0;
        }

        _physical?.OwnToken!.RemoveUser();
    }

    /// <summary>
    /// Function-level reset. Configuration space is as before when it returns, as Linux saves and restores it, but for
    /// the power state.
    /// </summary>
    public Errno Reset()
    {
        using (_access.Enter()) ResetLocked();
        return Errno.None;
    }

    /// <inheritdoc/>
    public Errno SetIrqs(uint index, IrqRequest request)
    {
        Errno errno = SetIrqsLocked(index, request);
        return errno == Errno.EBUSY && _interrupts.DropForgottenUnmask() ? SetIrqsLocked(index, request) : errno;
    }

    /// <summary>IOEVENTFD for one write, its numbers checked.</summary>
    internal Errno SetIoEventfd(IoEventfds.Write write, ICaller caller, int descriptor)
    {
        Errno errno = _ioEventfds.Set(write, caller, descriptor);
        if (descriptor < 0) using (_access.Enter()) return errno; // a write that had begun is over
        return errno;
    }

    /// <summary>
    /// Low power entry; EINVAL when it was entered already. Nothing is gained or lost by it in a function without
    /// power.
    /// </summary>
    internal Errno EnterLowPower()
    {
        using (_access.Enter())
        {
            if (_inLowPower) return Errno.EINVAL.Because("the device is in low power already");
            _inLowPower = true;
            return Errno.None;
        }
    }

    internal void LeaveLowPower()
    {
        using (_access.Enter()) _inLowPower = false;
    }

    private void PerformWrite(IoEventfds.Registration registration)
    {
        Interleave.At("VfioPciDevice.IoEventfdSignalled");
        IoEventfds.Write write = registration.Write;
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, write.Data);
        using (_access.Enter())
            // where the BAR does not answer it is lost, as on Linux
            if (registration.IsSet)
                AccessBar(FindBar((uint)write.Bar)!, write.Position, bytes[..write.Width], write: true, out _);
    }

    private Errno SetIrqsLocked(uint index, IrqRequest request)
    {
        using (_access.Enter())
        {
            _slot.Look(); // what was stored before the call comes before it
            Errno errno = _interrupts.Set(index, request);
            ShowConfiguration(); // enabling messages changes it
            return errno;
        }
    }

    private void ResetHardware()
    {
        _hardware.Reset();
        ShowNumVfs();
    }

    private void ResetLocked()
    {
        _slot.Reset();
        _powerState = 0;
        SetPowerStateBits(0);
        ApplyCommand();
        ShowConfiguration();
    }

    /// <summary>Lets decoding and bus mastering follow the command register and the power state.</summary>
    private void ApplyCommand()
    {
        bool awake = _powerState == 0;
        _slot.Decoding = awake && _config.MemoryEnabled;
        bool master = awake && !_slot.HasFailed
            && (_hardware.Read(PciRegs.PCI_COMMAND, 2) & PciRegs.PCI_COMMAND_MASTER) != 0;
        _master.Block = master ? null : SendBlock.BusMasterDisabled;
        if (_slot.HasFailed) _master.Block = SendBlock.BusMasterDisabled; // since that was looked at
    }

    /// <summary>
    /// Lets the function send, as its driver in the host does for its mdevs (Linux: pci_set_master). No program has the
    /// function meanwhile.
    /// </summary>
    private void EnableBusMaster()
    {
        using (_access.Enter())
        {
            _hardware.Set16(PciRegs.PCI_COMMAND, PciRegs.PCI_COMMAND_MASTER, PciRegs.PCI_COMMAND_MASTER);
            ApplyCommand();
        }
    }

    /// <summary>Makes what a device consists of, as it is at power-on.</summary>
    private (PciSlot, IBusMaster, PciConfig, VirtualConfig, PciInterrupts, IoEventfds) Build(
        PciSlot slot, IBusMaster master)
    {
        master.Block = SendBlock.BusMasterDisabled;
        PciConfig hardware = PciConfigBuilder.Build(
            slot.Function, master.Enabled, (ulong[])BarAddresses.Clone(), (ulong[])VfBarAddresses.Clone());
        var effects = new Effects(this);
        var interrupts = new PciInterrupts(slot.Function, effects);
        slot.Target = interrupts;
        return (slot, master, hardware, new VirtualConfig(hardware, slot.Function, effects), interrupts,
            new IoEventfds(effects, PerformWrite));
    }

    private void SetPowerState(int state)
    {
        const int d3hot = 3;
        if (state is not (0 or d3hot) || state == _powerState) return; // D1 and D2 are not known
        if (state != 0 && _numVfs != 0) return; // virtual functions are never more awake than the physical one
        _powerState = state;
        SetPowerStateBits(state);
        if (state == 0) ResetLocked(); // the function does not keep its state in D3hot
        else ApplyCommand();
    }

    private void SetPowerStateBits(int state)
    {
        if (_hardware.Layout.PowerManagement is var at and not 0)
            _hardware.Set16(at + PciRegs.PCI_PM_CTRL, PciRegs.PCI_PM_CTRL_STATE_MASK, (ushort)state);
    }

    /// <summary>
    /// What configuration space and interrupts ask of the device; called with _access held, but for the two properties.
    /// </summary>
    private sealed class Effects(VfioPciDevice device) : IConfigOwner, IInterruptSource
    {
        public bool LineAsserted => device._slot.LineAsserted;

        public bool MsiEnabled => device._interrupts.MsiEnabled;

        public int MsiQueueMax => device._interrupts.MsiQueueMax;

        public bool BusMaster => device._master.CanSend;

        public void CommandWritten() => device.ApplyCommand();

        public void SetIntxDisabled(bool disabled) => device._interrupts.SetIntxDisabled(disabled);

        public void FunctionLevelReset() => device.ResetLocked();

        public void SetPowerState(int state) => device.SetPowerState(state);

        public void MessagesEnabled(bool msix, bool enabled)
        {
            PciConfigLayout layout = device._hardware.Layout;
            ushort bit = msix ? PciRegs.PCI_MSIX_FLAGS_ENABLE : PciRegs.PCI_MSI_FLAGS_ENABLE;
            device._hardware.Set16((msix ? layout.Msix : layout.Msi) + PciRegs.PCI_CAP_FLAGS, bit,
                enabled ? bit : (ushort)0);
        }
    }
}
