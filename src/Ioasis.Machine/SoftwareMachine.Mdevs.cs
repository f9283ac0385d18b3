using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Observation;
using Ioasis.Core.Pasids;
using Ioasis.Devices;
using Ioasis.Machine.Description;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory;
using Ioasis.Passthrough.Mdev;
using Ioasis.Passthrough.Vfio.Pci;

namespace Ioasis.Machine;

/// <summary>The machine's mdevs and their parents.</summary>
public sealed partial class SoftwareMachine : IMdevHost
{
    private readonly MdevBus _mdevBus;
    private readonly PasidOwner _mdevPasids = new() { Quota = int.MaxValue };
    private readonly Dictionary<MdevParent, MachineDevice> _mdevFunctions = []; // the parents that are functions
    private readonly Dictionary<MdevDevice, VfioPciDevice> _mdevParts = []; // the mdevs that are parts of functions
    private volatile MdevDevice[] _mdevs = []; // those that programs see

    /// <summary>The parents of mdevs.</summary>
    public IReadOnlyList<MachineMdevParent> MdevParents =>
        [.. _mdevBus.Parents.Select(parent => new MachineMdevParent(parent, _mdevBus))];

    /// <summary>The mdevs, in the order in which they were created.</summary>
    public IReadOnlyList<MachineMdev> Mdevs => [.. _mdevs.Select(device => new MachineMdev(device))];

    /// <summary>Creates an mdev, as a program does by the attribute <c>create</c>.</summary>
    /// <param name="type">The name of the type's directory, such as <c>mtty-1</c>.</param>
    /// <param name="parent">The parent's name: a PCI address, or <c>mtty</c>.</param>
    /// <param name="uuid">Its name.</param>
    /// <exception cref="ArgumentException">There is no such parent or type, or it cannot be created.</exception>
    public MachineMdev CreateMdev(string type, string parent, Guid uuid)
    {
        MdevParent found = _mdevBus.Parents.FirstOrDefault(p => p.Name == parent)
            ?? throw new ArgumentException(_mdevBus.Parents.Count == 0
                ? $"{parent} offers no mdevs; nothing in this machine does."
                : $"{parent} offers no mdevs; {string.Join(", ", _mdevBus.Parents.Select(p => p.Name))} does.");
        MdevParentType kind = found.Types.FirstOrDefault(t => t.Name == type)
            ?? throw new ArgumentException(
                $"{parent} has no type {type}; it has {string.Join(", ", found.Types.Select(t => t.Name))}.");
        Errno errno = _mdevBus.Create(found, kind, uuid);
        if (errno != Errno.None) throw new ArgumentException($"mdev {uuid} of {type} cannot be created: {errno}.");
        return new MachineMdev(_mdevs.First(device => device.Uuid == uuid));
    }

    bool IMdevHost.IsThere(MdevParent parent)
    {
        using (_lock.Enter()) return !_mdevFunctions.TryGetValue(parent, out MachineDevice? function)
            || OffersMdevs(function);
    }

    Errno IMdevHost.Add(MdevDevice device)
    {
        Errno errno = device.Model is PciMdev part ? AddPart(device, part.Model) : AddEmulated(device);
        if (errno == Errno.None) Tell(device, isCreated: true);
        return errno;
    }

    private Errno AddEmulated(MdevDevice device)
    {
        var ops = new EmulatedOps(device.Name, (EmulatedMdev)device.Model);
        using (_lock.Enter())
        {
            device.Vfio = Register(ops, NewEmulatedGroup());
            _mdevs = [.. _mdevs, device];
            BuildPaths();
        }

        return Errno.None;
    }

    void IMdevHost.Release(MdevDevice device)
    {
        using (_lock.Enter())
        {
            _others = [.. _others.Where(d => d != device.Vfio)];
            _leaving = [.. _leaving, device.Vfio];
            BuildPaths();
        }
    }

    void IMdevHost.Hide(MdevDevice device)
    {
        Tell(device, isCreated: false);
        using (_lock.Enter())
        {
            _mdevs = [.. _mdevs.Where(d => d != device)];
            if (_others.Contains(device.Vfio))
            {
                _others = [.. _others.Where(d => d != device.Vfio)];
                _leaving = [.. _leaving, device.Vfio];
            }

            BuildPaths();
        }
    }

    void IMdevHost.Remove(MdevDevice device)
    {
        VfioPciDevice? part;
        using (_lock.Enter()) _mdevParts.Remove(device, out part);
        part?.Dispose();
        Remove(device.Vfio);
        if (part?.Pasid is { } pasid) Pasids.Free(_mdevPasids, pasid);
    }

    private void Tell(MdevDevice device, bool isCreated)
    {
        if (Observers.Want(EventKinds.Mdev))
            Observers.Tell(
                new MdevEvent(Observers.Stamp(), device.Uuid, device.Parent.Name, device.Type.Name, isCreated));
    }

    /// <summary>A function that can have mdevs offers its types from now on, under its model's name.</summary>
    private void AddParent(MachineDevice function, PciDeviceModel model)
    {
        if (model is not IMdevParent { MdevTypes.Count: > 0 } offer || function.Endpoint.MaxPasidLog2 == 0) return;
        string directory = SysfsFunction.DirectoryOf(function.Requester, null);
        var parent = new MdevParent(function.Requester.ToString(), function.Model, directory, offer);
        using (_lock.Enter()) _mdevFunctions.Add(parent, function);
        _mdevBus.Add(parent);
    }

    /// <summary>
    /// Makes an mdev that is a part of a function: its node, and no group, as the group is the parent's.
    /// </summary>
    private Errno AddPart(MdevDevice device, PciDeviceModel model)
    {
        using (_lock.Enter())
        {
            if (!_mdevFunctions.TryGetValue(device.Parent, out MachineDevice? parent)) return Errno.EOPNOTSUPP;
            if (!OffersMdevs(parent)) return Errno.ENODEV; // it began to go while the program wrote
            uint last = (1u << parent.Endpoint.MaxPasidLog2) - 1;
            if (Pasids.Allocate(_mdevPasids, 1, last, out Pasid pasid) != IommuStatus.Ok) return Errno.ENOSPC;
            VfioPciDevice part;
            try
            {
                part = _bus.AddMdev(model, new EndpointPart(parent.Endpoint, pasid, FeaturesOf(model.Function)),
                    device.Name, parent.Pci, device.Parent, Pasids, FreeMinor());
            }
            catch
            {
                Pasids.Free(_mdevPasids, pasid);
                throw;
            }

            device.Vfio = part.Device;
            _mdevParts.Add(device, part);
            _others = [.. _others, part.Device];
            _mdevs = [.. _mdevs, device];
            BuildPaths();
            return Errno.None;
        }
    }

    /// <summary>
    /// Removes the mdevs of a function that its driver lets go (Linux: mdev_unregister_parent). They go as their files
    /// are closed.
    /// </summary>
    /// <param name="function">The function.</param>
    /// <param name="done">Called once, when there are none any more, perhaps before this returns.</param>
    internal void RemoveMdevsOf(MachineDevice function, Action done)
    {
        MdevParent? parent;
        using (_lock.Enter()) parent = _mdevFunctions.FirstOrDefault(pair => pair.Value == function).Key;
        if (parent is null) done();
        else _mdevBus.RemoveAll(parent, done);
    }

    /// <summary>Whether a function with types offers them: while its driver has it.</summary>
    private static bool OffersMdevs(MachineDevice function) =>
        !function.IsRemoved && function.Driver == DriverState.Bound;

    /// <summary>Adds a parent that is no PCI function.</summary>
    private void AddVirtualParent(string name)
    {
        string itsClass = MdevParentRegistry.ClassOf(name), directory = $"/sys/devices/virtual/{itsClass}/{name}";
        _mdevBus.Add(new MdevParent(name, itsClass, directory, MdevParentRegistry.Create(name)) { IsVirtual = true });
    }

    /// <summary>Creates what the description wants.</summary>
    private void CreateMdevs(MachineDescription description)
    {
        foreach (MdevDescription mdev in description.Mdevs) CreateMdev(mdev.Type, mdev.Parent, mdev.Uuid);
    }
}
