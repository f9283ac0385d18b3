using System.Globalization;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Machine.Drivers;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory.Threads;

namespace Ioasis.Machine;

/// <summary>
/// The driver vfio-pci, as sysfs sets it to work (Linux: drivers/base/bus.c, dd.c and pci-driver.c), and how functions
/// go from it to drivers in the host and back. It begins with all functions, as if it had been loaded with their IDs:
/// it takes each that it is to take, unless <c>driver_override</c> names another driver.
/// </summary>
/// <param name="machine">The machine.</param>
internal sealed class PciDriver(SoftwareMachine machine)
{
    /// <summary>Its name.</summary>
    internal const string Name = "vfio-pci";

    // Guards which functions it has, and which drivers in the host have. Taken before the machine's lock, and after
    // that of virtual functions.
    private readonly RankedLock _lock = new(LockRank.PciDriver);

    /// <summary>Whether a function that is found gets its driver at once.</summary>
    internal FunctionSettings.Toggle Autoprobe { get; } = new(true);

    /// <summary>What is written to <c>bind</c>: a function's address.</summary>
    internal void Bind(ReadOnlyMemory<byte> text)
    {
        if (Find(text) is { } device) Bind(device);
    }

    /// <summary>
    /// What is written to the bus's <c>drivers_probe</c>: a function's address. It goes to the driver that its
    /// <c>driver_override</c> names, else to this one.
    /// </summary>
    internal void Probe(ReadOnlyMemory<byte> text)
    {
        if (Find(text) is not { } device) return;
        if (device.Settings.DriverOverride is { } name && machine.FindHostDriver(name) is { } driver)
            Bind(driver, device);
        else Bind(device);
    }

    /// <summary>What is written to <c>bind</c> of a driver in the host: a function's address.</summary>
    internal void Bind(HostDriver driver, ReadOnlyMemory<byte> text)
    {
        if (Find(text) is { } device) Bind(driver, device);
    }

    /// <summary>
    /// What is written to <c>unbind</c> of a driver in the host: a function's address. The driver gives the function
    /// back soon.
    /// </summary>
    internal void Unbind(HostDriver driver, ReadOnlyMemory<byte> text)
    {
        if (Find(text) is not { } device) return;
        using (_lock.Enter())
            if (device.Host == driver) Release(device);
    }

    /// <summary>
    /// Gives a function to a driver in the host, if nobody else has it. <see cref="SetFunction"/> is to follow.
    /// </summary>
    /// <param name="device">The function.</param>
    /// <param name="driver">The driver.</param>
    /// <param name="claim">The driver's claim on the group, when the answer is <see cref="IommuStatus.Ok"/>.</param>
    /// <param name="wasOurs">Whether this driver had it until now.</param>
    /// <returns>As <see cref="SoftwareMachine.OpenHostDriver"/> says.</returns>
    internal IommuStatus Take(MachineDevice device, HostDriver driver, out GroupClaim? claim, out bool wasOurs)
    {
        claim = null;
        using (_lock.Enter())
        {
            wasOurs = device.Driver == DriverState.Bound;
            if (device.Settings.DriverOverride is { } name && name != driver.Name) return IommuStatus.NoDevice;
            if (device.Host is not null || device.Driver == DriverState.Leaving || device.IsHidden
                || device.Sriov is { HasAny: true } || machine.HasMdevs(device)) return IommuStatus.Busy;
            IommuGroup group = device.Endpoint.Group;
            if (group.Dma is null) return IommuStatus.NoDevice;
            IommuStatus status = group.UseDefaultDomain(driver, out claim);
            if (status != IommuStatus.Ok) return status;
            if (wasOurs && !device.Vfio.TryRemove())
            {
                claim!.Dispose();
                return IommuStatus.Busy; // a program has a file of it, and has not bound it
            }

            if (wasOurs) machine.Detach(device);
            machine.SetHost(device, driver);
            return IommuStatus.Ok;
        }
    }

    /// <summary>A driver in the host has a function from now on, and can be asked for it.</summary>
    internal void SetFunction(MachineDevice device, HostFunction function)
    {
        using (_lock.Enter())
        {
            device.HostFunction = function;
            if (device.IsRemoved || device.IsHidden) function.RequestRelease();
        }
    }

    /// <summary>A driver in the host gives a function back.</summary>
    internal void GiveBack(HostFunction function)
    {
        MachineDevice device = function.Device;
        bool isWanted;
        Action? given;
        using (_lock.Enter())
        {
            isWanted = device.IsWanted || (function.WasVfios && !function.IsReleased);
            given = device.GivenBack;
            (device.IsWanted, device.HostFunction, device.GivenBack) = (false, null, null);
            machine.SetHost(device, null);
        }

        if (given is not null) given();
        else if (isWanted) Bind(device);
    }

    /// <summary>Takes a virtual function that leaves from the driver that has it.</summary>
    /// <param name="device">The function, which no path leads to.</param>
    /// <param name="done">Called once, when nobody has it any more, perhaps before this returns.</param>
    internal void Take(MachineDevice device, Action done)
    {
        using (_lock.Enter())
        {
            if (device.Host is not null)
            {
                device.GivenBack = done;
                Release(device);
                return;
            }
        }

        device.Vfio.Remove(done);
    }

    /// <summary>
    /// What is written to <c>unbind</c>: a function's address. Its nodes are gone at once; who has it open is asked for
    /// it, and keeps it until it is closed.
    /// </summary>
    internal void Unbind(ReadOnlyMemory<byte> text)
    {
        if (Find(text) is { } device) Unbind(device);
    }

    /// <summary>
    /// What is written to <c>new_id</c>: vendor and device, hexadecimal. Functions without a driver that have these IDs
    /// get this one.
    /// </summary>
    internal void AddId(ReadOnlyMemory<byte> text)
    {
        string[] words = SysfsText.Line(text.Span).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2 || !TryId(words[0], out uint vendor) || !TryId(words[1], out uint id)) return;
        foreach (MachineDevice device in machine.Devices)
            if (device.Function.VendorId == vendor && device.Function.DeviceId == id) Bind(device);

        static bool TryId(string word, out uint id) =>
            uint.TryParse(word.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? word[2..] : word,
                NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out id);
    }

    /// <summary>
    /// What is written to a function's <c>remove</c>: not 0. The function leaves its driver and the bus.
    /// </summary>
    internal void Remove(MachineDevice device, ReadOnlyMemory<byte> text)
    {
        if (!SysfsNumber.TryParse(text.Span, out ulong number) || number == 0) return;
        machine.SetRemoved(device, true);
        Unbind(device);
        using (_lock.Enter()) Release(device);
    }

    /// <summary>What is written to <c>rescan</c>: not 0. What was removed is found again.</summary>
    internal void Rescan(ReadOnlyMemory<byte> text)
    {
        if (!SysfsNumber.TryParse(text.Span, out ulong number) || number == 0) return;
        foreach (MachineDevice device in machine.Devices.Where(device => device.IsRemoved))
        {
            machine.SetRemoved(device, false);
            if (Autoprobe.IsOn) Bind(device);
        }
    }

    private MachineDevice? Find(ReadOnlyMemory<byte> text)
    {
        string name = SysfsText.Line(text.Span);
        return machine.Devices.FirstOrDefault(device => !device.IsHidden && !device.IsRemoved
            && device.Requester.ToString() == name);
    }

    private void Bind(MachineDevice device)
    {
        using (_lock.Enter())
        {
            if (device.Settings.DriverOverride is not (null or Name) || device.IsRemoved) return;
            // Linux lets the write to unbind wait until the function has left its driver.
            bool isLeaving = device.Driver == DriverState.Leaving || device.HostFunction is { IsReleased: true };
            if (isLeaving) device.IsWanted = true;
            else if (device.Driver == DriverState.None && device.Host is null) machine.Attach(device);
        }
    }

    private void Bind(HostDriver driver, MachineDevice device)
    {
        using (_lock.Enter())
        {
            bool isFree = device.Driver == DriverState.None && device.Host is null && !device.IsRemoved;
            if (!isFree || (device.Settings.DriverOverride is { } name && name != driver.Name)) return;
        }

        if (driver.BindRequested is { } bind)
            ThreadPool.UnsafeQueueUserWorkItem(static call => call.bind(call.Requester), (bind, device.Requester),
                preferLocal: false);
    }

    // Asks the driver in the host for a function. With the lock held.
    private static void Release(MachineDevice device)
    {
        device.IsWanted = false;
        if (device.HostFunction is { IsReleased: false } function) function.RequestRelease();
    }

    private void Unbind(MachineDevice device)
    {
        using (_lock.Enter())
        {
            device.IsWanted = false;
            if (device.Driver != DriverState.Bound) return;
            machine.Release(device);
        }

        // The driver has let it go when its own files are closed and its mdevs are no more.
        int left = 2;
        machine.RemoveMdevsOf(device, LeftOnce);

        // Its virtual functions go first, which may take time.
        if (device.Sriov is { HasAny: true } sriov)
            ThreadPool.UnsafeQueueUserWorkItem(_ => sriov.Store("0"u8, _ => device.Vfio.Remove(LeftOnce)), null);
        else
            device.Vfio.Remove(LeftOnce);

        void LeftOnce()
        {
            if (Interlocked.Decrement(ref left) == 0) Left(device);
        }
    }

    // Called when the last of its files is closed and the last of its mdevs is gone.
    private void Left(MachineDevice device)
    {
        bool isWanted;
        using (_lock.Enter())
        {
            machine.Detach(device);
            isWanted = device.IsWanted;
            device.IsWanted = false;
        }

        if (isWanted) Bind(device);
    }
}

/// <summary>Whether the driver has a function.</summary>
internal enum DriverState : byte
{
    /// <summary>It has.</summary>
    Bound,

    /// <summary>It gives it back as soon as its files are closed; programs cannot open it any more.</summary>
    Leaving,

    /// <summary>It has not.</summary>
    None,
}
