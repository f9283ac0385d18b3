using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Memory;

namespace Ioasis.Core.Pasids;

/// <summary>
/// Binds devices to processes for a driver: a device that is bound uses the process's pointers by a PASID (Linux:
/// iommu_sva_bind_device). A process has one PASID with one driver, however many devices it is bound to and however
/// often.
/// </summary>
public sealed class ProcessBindings
{
    // Guards everything below; held while a device is attached and detached. Taken before a group's lock and an
    // endpoint's.
    private readonly Lock _lock = new();
    private readonly Dictionary<AddressSpace, Binding> _byProcess = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<uint, Binding> _byPasid = [];
    private readonly PasidSpace _space;
    private readonly PasidOwner _owner;

    /// <summary>Makes a driver's bindings.</summary>
    /// <param name="space">The PASIDs of the host.</param>
    /// <param name="owner">On whose account PASIDs are allocated.</param>
    public ProcessBindings(PasidSpace space, PasidOwner owner)
    {
        _space = space;
        _owner = owner;
    }

    /// <summary>Processes that are bound.</summary>
    public int Count
    {
        get { lock (_lock) return _byProcess.Count; }
    }

    /// <summary>Lets a device use a process's pointers. Each binding is undone by itself.</summary>
    /// <param name="device">The device.</param>
    /// <param name="process">The process's memory, the same object each time.</param>
    /// <param name="pasid">By which PASID, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <returns>NotSupported for a device without PASIDs, Invalid when it cannot send the one that the process has
    /// already, NoMemory and NoSpace when there is none to be had, Busy when a program has the device or something else
    /// is attached to the PASID. Nothing was changed then.</returns>
    public IommuStatus BindDevice(Endpoint device, AddressSpace process, out Pasid pasid)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(process);
        pasid = default;
        if (device.MaxPasidLog2 == 0) return IommuStatus.NotSupported;
        uint last = (1u << device.MaxPasidLog2) - 1;
        lock (_lock)
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
        lock (_lock)
        {
            if (!_byPasid.TryGetValue(pasid.Value, out Binding? binding)
                || !binding.Devices.TryGetValue(device, out (Attachment Attachment, int Times) bound))
                throw new ArgumentException($"The device is not bound by PASID {pasid.Value}.", nameof(pasid));
            if (bound.Times > 1)
            {
                binding.Devices[device] = (bound.Attachment, bound.Times - 1);
                return;
            }

            device.Detach(bound.Attachment);
            device.Group.UnuseDefaultDomain();
            binding.Devices.Remove(device);
            if (binding.Devices.Count > 0) return;
            _byProcess.Remove(binding.Process);
            _byPasid.Remove(pasid.Value);
            _space.Free(_owner, pasid);
        }
    }

    private static IommuStatus Attach(Endpoint device, Binding binding)
    {
        if (binding.Devices.TryGetValue(device, out (Attachment Attachment, int Times) bound))
        {
            binding.Devices[device] = (bound.Attachment, bound.Times + 1);
            return IommuStatus.Ok;
        }

        IommuStatus status = device.Group.UseDefaultDomain();
        if (status != IommuStatus.Ok) return status;
        status = device.Attach(binding.Pasid, binding.Domain, binding, out Attachment? attachment);
        if (status == IommuStatus.Ok) binding.Devices.Add(device, (attachment!, 1));
        else device.Group.UnuseDefaultDomain();
        return status;
    }

    private sealed class Binding(Pasid pasid, AddressSpace process, ProcessDomain domain)
    {
        internal Pasid Pasid => pasid;

        internal AddressSpace Process => process;

        internal ProcessDomain Domain => domain;

        /// <summary>The devices that are bound, and how often each.</summary>
        internal Dictionary<Endpoint, (Attachment Attachment, int Times)> Devices { get; } = [];
    }
}
