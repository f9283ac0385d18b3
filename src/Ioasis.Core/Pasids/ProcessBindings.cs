using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;
using Ioasis.Memory.Threads;

namespace Ioasis.Core.Pasids;

/// <summary>
/// Binds devices to processes for a driver in the host: a device that is bound uses the process's pointers by a PASID
/// (Linux: iommu_sva_bind_device). A process has one PASID with one driver, however many devices it is bound to and
/// however often. Each binding holds a claim of the driver's on the device's group.
/// </summary>
internal sealed class ProcessBindings
{
    // Guards everything below; held while a device is attached and detached. Taken before a group's lock and an
    // endpoint's.
    private readonly RankedLock _lock = new(LockRank.ProcessBindings);
    private readonly Dictionary<AddressSpace, Binding> _byProcess = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<uint, Binding> _byPasid = [];
    private readonly PasidSpace _space;
    private readonly PasidOwner _owner;
    private readonly object _driver;

    /// <summary>Makes a driver's bindings.</summary>
    /// <param name="space">The PASIDs of the host.</param>
    /// <param name="owner">The account on which PASIDs are allocated.</param>
    /// <param name="driver">
    /// The owner in whose name groups are claimed (<see cref="IommuGroup.UseDefaultDomain"/>); null for a driver that
    /// has no other claims than those of its bindings.
    /// </param>
    public ProcessBindings(PasidSpace space, PasidOwner owner, object? driver = null)
    {
        _space = space;
        _owner = owner;
        _driver = driver ?? this;
    }

    /// <summary>Processes that are bound.</summary>
    public int Count
    {
        get { using (_lock.Enter()) return _byProcess.Count; }
    }

    /// <summary>Lets a device use a process's pointers. Each binding is undone by itself.</summary>
    /// <param name="device">The device.</param>
    /// <param name="process">The process's memory, the same object each time.</param>
    /// <param name="pasid">By which PASID, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported for a device without PASIDs, Invalid when it cannot send the one that the process has
    /// already, NoMemory and NoSpace when there is none to be had, Busy when a program has the device, or another
    /// driver has attached something in its group. Nothing was changed then.</returns>
    public IommuStatus BindDevice(Endpoint device, AddressSpace process, out Pasid pasid)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(process);
        pasid = default;
        if (device.MaxPasidLog2 == 0) return IommuStatus.NotSupported;
        uint last = (1u << device.MaxPasidLog2) - 1;
        using (_lock.Enter())
        {
            if (_byProcess.TryGetValue(process, out Binding? binding))
            {
                pasid = binding.Pasid;
                if (pasid.Value > last) return IommuStatus.Invalid;
                return Attach(device, binding);
            }

            IommuStatus status = _space.Allocate(_owner, 1, last, out pasid);
            if (status != IommuStatus.Ok) return status;
            binding = new Binding(pasid, process, new ProcessDomain(device.Unit, process));
            status = Attach(device, binding);
            if (status != IommuStatus.Ok)
            {
                _space.Free(_owner, pasid);
                return status;
            }

            _byProcess.Add(process, binding);
            _byPasid.Add(pasid.Value, binding);
            return IommuStatus.Ok;
        }
    }

    /// <summary>
    /// Undoes one <see cref="BindDevice"/>. With the device's last one, no access of it uses the process's memory any
    /// more when this returns, and its page requests are answered; with the process's last one its PASID is free.
    /// </summary>
    /// <exception cref="ArgumentException">The device is not bound by that PASID.</exception>
    public void UnbindDevice(Endpoint device, Pasid pasid)
    {
        ArgumentNullException.ThrowIfNull(device);
        using (_lock.Enter())
        {
            if (!_byPasid.TryGetValue(pasid.Value, out Binding? binding)
                || !binding.Devices.TryGetValue(device, out Use? use))
                throw new ArgumentException($"The device is not bound by PASID {pasid.Value}.", nameof(pasid));
            if (--use.Times > 0) return;
            device.Detach(use.Attachment);
            use.Claim.Dispose();
            binding.Devices.Remove(device);
            if (binding.Devices.Count > 0) return;
            _byProcess.Remove(binding.Process);
            _byPasid.Remove(pasid.Value);
            _space.Free(_owner, pasid);
        }
    }

    private IommuStatus Attach(Endpoint device, Binding binding)
    {
        if (binding.Devices.TryGetValue(device, out Use? use))
        {
            use.Times++;
            return IommuStatus.Ok;
        }

        IommuStatus status = device.Group.UseDefaultDomain(_driver, out GroupClaim? claim);
        if (status != IommuStatus.Ok) return status;
        status = device.Attach(binding.Pasid, binding.Domain, binding, out Attachment? attachment);
        if (status == IommuStatus.Ok) binding.Devices.Add(device, new Use(attachment!, claim!));
        else claim!.Dispose();
        return status;
    }

    private sealed class Binding(Pasid pasid, AddressSpace process, ProcessDomain domain)
    {
        internal Pasid Pasid => pasid;

        internal AddressSpace Process => process;

        internal ProcessDomain Domain => domain;

        /// <summary>The devices that are bound.</summary>
        internal Dictionary<Endpoint, Use> Devices { get; } = [];
    }

    /// <summary>A device that is bound to a process.</summary>
    private sealed class Use(Attachment attachment, GroupClaim claim)
    {
        internal Attachment Attachment => attachment;

        internal GroupClaim Claim => claim;

        internal int Times { get; set; } = 1;
    }
}
