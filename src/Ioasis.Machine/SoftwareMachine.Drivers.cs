using Ioasis.Core;
using Ioasis.Core.DmaApi;
using Ioasis.Core.Endpoints;
using Ioasis.Machine.Drivers;
using Ioasis.Memory;

namespace Ioasis.Machine;

/// <summary>The machine's functions that drivers in the host have.</summary>
public sealed partial class SoftwareMachine
{
    private HostDriver[] _hostDrivers = []; // guarded by the lock
    private readonly SystemPasids _systemPasids;

    /// <summary>
    /// Adds a driver to the PCI bus: it has a folder in <c>/sys/bus/pci/drivers</c> and takes functions there.
    /// </summary>
    /// <param name="name">Its name, which <c>driver_override</c> can have.</param>
    /// <param name="bind">
    /// Called on a thread of the pool when a program wants the driver to take a function, which is without a driver. It
    /// calls <see cref="HostDriver.Open"/>, or does not want it.
    /// </param>
    /// <exception cref="ArgumentException">There is a driver of that name, or it cannot be a file's.</exception>
    public HostDriver AddHostDriver(string name, Action<RequesterId> bind)
    {
        ArgumentNullException.ThrowIfNull(bind);
        using (_lock.Enter())
        {
            if (FindDriver(name) is not null || name == PciDriver.Name)
                throw new ArgumentException($"There is already a driver {name}.");
            HostDriver driver = Add(name, bind, isLasting: true);
            BuildPaths();
            return driver;
        }
    }

    /// <summary>
    /// A driver in the host takes a function. vfio-pci gives it up if no program has it open, and gets it back
    /// afterwards. The driver has the group's default domain meanwhile.
    /// </summary>
    /// <param name="address">Where the function sits.</param>
    /// <param name="driver">The driver's name in sysfs.</param>
    /// <param name="options">How its DMA API behaves; that of an untrusted device always bounces.</param>
    /// <param name="function">The function, when the answer is <see cref="IommuStatus.Ok"/>. It is as after power-on,
    /// with bus mastering off.</param>
    /// <returns>
    /// NotFound if there is no such function. NoDevice if its <c>driver_override</c> names another driver, or its group
    /// has no default domain. Busy if a program or another driver has it or its group, if it has virtual functions, or
    /// if there are mdevs of it.
    /// </returns>
    public IommuStatus OpenHostDriver(
        RequesterId address, string driver, DmaDeviceOptions? options, out HostFunction? function)
    {
        HostDriver found;
        using (_lock.Enter()) found = FindDriver(driver) ?? Add(driver, null, isLasting: false);
        IommuStatus status = Open(found, address, options, out function);
        if (status != IommuStatus.Ok) Forget(found);
        return status;
    }

    /// <summary>As <see cref="OpenHostDriver"/>.</summary>
    internal IommuStatus Open(
        HostDriver driver, RequesterId address, DmaDeviceOptions? options, out HostFunction? function)
    {
        function = null;
        MachineDevice? device = Devices.FirstOrDefault(d => d.Requester == address && !d.IsHidden && !d.IsRemoved);
        if (device is null) return IommuStatus.NotFound;
        IommuStatus status = _driver.Take(device, driver, out GroupClaim? claim, out bool wasVfios);
        if (status != IommuStatus.Ok) return status;
        device.Pci.OpenForDriver();
        DmaDomain domain = device.Endpoint.Group.Dma!; // it stays while the driver has the claim
        function = new HostFunction(device, driver, claim!, domain, options, _systemPasids, GiveBack)
        {
            WasVfios = wasVfios,
        };
        _driver.SetFunction(device, function);
        return IommuStatus.Ok;
    }

    /// <summary>Takes a virtual function that leaves from the driver that has it.</summary>
    /// <param name="function">The function, which no path leads to.</param>
    /// <param name="done">Called once, when nobody has it any more, perhaps before this returns.</param>
    internal void TakeFromDriver(MachineDevice function, Action done) => _driver.Take(function, done);

    /// <summary>A driver leaves the bus.</summary>
    internal void Remove(HostDriver driver)
    {
        using (_lock.Enter())
        {
            if (Array.Exists(_devices, device => device.Host == driver))
                throw new InvalidOperationException($"{driver.Name} still has a function.");
            _hostDrivers = [.. _hostDrivers.Where(d => d != driver)];
            BuildPaths();
        }
    }

    /// <summary>Notes which driver in the host has a function; null for none.</summary>
    internal void SetHost(MachineDevice device, HostDriver? driver)
    {
        using (_lock.Enter())
        {
            device.Host = driver;
            if (driver is not null && !_hostDrivers.Contains(driver)) _hostDrivers = [.. _hostDrivers, driver];
            BuildPaths();
        }
    }

    /// <summary>Whether there are mdevs of a function.</summary>
    internal bool HasMdevs(MachineDevice function)
    {
        using (_lock.Enter())
            return Array.Exists(_mdevs, mdev => _mdevFunctions.GetValueOrDefault(mdev.Parent) == function);
    }

    /// <summary>A driver in the host by its name.</summary>
    internal HostDriver? FindHostDriver(string name)
    {
        using (_lock.Enter()) return FindDriver(name);
    }

    private HostDriver? FindDriver(string name) => Array.Find(_hostDrivers, driver => driver.Name == name);

    private HostDriver Add(string name, Action<RequesterId>? bind, bool isLasting)
    {
        if (name.Length is 0 or > 63 || name is "." or ".." || name.AsSpan().ContainsAny('/', '\n', '\0'))
            throw new ArgumentException($"\"{name}\" cannot be the name of a driver.");
        var driver = new HostDriver(this, name, bind, isLasting);
        _hostDrivers = [.. _hostDrivers, driver];
        return driver;
    }

    private void GiveBack(HostFunction function)
    {
        _driver.GiveBack(function);
        Forget(function.Driver);
    }

    // A driver that somebody opened a function for goes with its last function.
    private void Forget(HostDriver driver)
    {
        using (_lock.Enter())
        {
            if (driver.IsLasting || Array.Exists(_devices, device => device.Host == driver)) return;
            _hostDrivers = [.. _hostDrivers.Where(d => d != driver)];
            BuildPaths();
        }
    }
}
