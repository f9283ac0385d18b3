using Ioasis.Abi;
using Ioasis.Devices;
using Ioasis.Machine.Description;
using Ioasis.Passthrough.Mdev;

namespace Ioasis.Machine;

/// <summary>The machine's mdevs and their parents.</summary>
public sealed partial class SoftwareMachine : IMdevHost
{
    private readonly MdevBus _mdevBus;
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

    Errno IMdevHost.Add(MdevDevice device)
    {
        if (device.Model is not EmulatedMdev emulated) return Errno.EOPNOTSUPP;
        var ops = new EmulatedOps(device.Name, emulated);
        using (_lock.Enter())
        {
            device.Vfio = Register(ops, NewEmulatedGroup());
            _mdevs = [.. _mdevs, device];
            BuildPaths();
        }

        return Errno.None;
    }

    void IMdevHost.Hide(MdevDevice device)
    {
        using (_lock.Enter())
        {
            _mdevs = [.. _mdevs.Where(d => d != device)];
            _others = [.. _others.Where(d => d != device.Vfio)];
            _leaving = [.. _leaving, device.Vfio];
            BuildPaths();
        }
    }

    void IMdevHost.Remove(MdevDevice device) => Remove(device.Vfio);

    /// <summary>Adds a parent that is no PCI function.</summary>
    private void AddVirtualParent(string name) =>
        _mdevBus.Add(new MdevParent(name, name, $"/sys/devices/virtual/{name}/{name}", MdevParentRegistry.Create(name))
        {
            IsVirtual = true,
        });

    /// <summary>Creates what the description wants.</summary>
    private void CreateMdevs(MachineDescription description)
    {
        foreach (MdevDescription mdev in description.Mdevs) CreateMdev(mdev.Type, mdev.Parent, mdev.Uuid);
    }
}
