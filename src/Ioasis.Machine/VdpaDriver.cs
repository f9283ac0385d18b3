using Ioasis.Abi;
using Ioasis.Machine.Sysfs;
using Ioasis.Memory.Threads;

namespace Ioasis.Machine;

/// <summary>
/// The driver vhost_vdpa, as sysfs sets it to work (Linux: drivers/base/bus.c and dd.c, drivers/vdpa/vdpa.c,
/// drivers/vhost/vdpa.c). It begins with all devices. A device has a node while the driver has the device.
/// </summary>
/// <param name="machine">The machine.</param>
internal sealed class VdpaDriver(SoftwareMachine machine)
{
    /// <summary>Its name.</summary>
    internal const string Name = "vhost_vdpa";

    // Steps that wait for one device. Those of killed programs wait as well.
    private const int MostWaiting = 64;

    // Guards which devices it has, and the steps that wait for a device (Linux: the mutex of a device). Taken before
    // the machine's lock.
    private readonly RankedLock _lock = new(LockRank.VdpaDriver);

    /// <summary>Whether a new device would get a driver at once. There are no new devices.</summary>
    internal FunctionSettings.Toggle Autoprobe { get; } = new(true);

    /// <summary>What is written to <c>bind</c>: a device's name.</summary>
    /// <param name="text">The text.</param>
    /// <param name="answer">
    /// ENODEV if there is no such device or <c>driver_override</c> names another driver, EBUSY if it has a driver. If
    /// the driver is letting the device go, the answer waits for that.
    /// </param>
    internal void Bind(ReadOnlySpan<byte> text, Action<Errno> answer)
    {
        if (Find(text) is { MayHaveDriver: true } device) Do(device, () => Attach(device, Errno.EBUSY, answer), answer);
        else answer(Errno.ENODEV);
    }

    /// <summary>
    /// What is written to <c>unbind</c>: a device's name. The node is gone at once. The answer waits until the program
    /// that has the node open closes it.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="answer">ENODEV if the driver has no such device.</param>
    internal void Unbind(ReadOnlySpan<byte> text, Action<Errno> answer)
    {
        MachineVdpa? device = Find(text);
        bool isIts;
        using (_lock.Enter()) isIts = device is { Driver: not DriverState.None };
        if (isIts) Do(device!, () => Detach(device!, answer), answer);
        else answer(Errno.ENODEV);
    }

    /// <summary>
    /// What is written to the bus's <c>drivers_probe</c>: a device's name. If it has no driver, and may have this one,
    /// it gets this one.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="answer">ENODEV if there is no such device.</param>
    internal void Probe(ReadOnlySpan<byte> text, Action<Errno> answer)
    {
        MachineVdpa? device = Find(text);
        bool isFree;
        using (_lock.Enter()) isFree = device is { Driver: DriverState.None, MayHaveDriver: true };
        if (isFree) Do(device!, () => Attach(device!, Errno.None, answer), answer);
        else answer(device is null ? Errno.ENODEV : Errno.None);
    }

    private MachineVdpa? Find(ReadOnlySpan<byte> text)
    {
        string name = SysfsText.Line(text);
        return machine.VdpaDevices.FirstOrDefault(device => device.Name == name);
    }

    /// <summary>Takes a step now, or when the driver has let the device go.</summary>
    /// <param name="device">The device.</param>
    /// <param name="step">Called with the lock held. It returns what to do without the lock.</param>
    /// <param name="answer">The step's. Here it gets ENOMEM if too many steps wait.</param>
    private void Do(MachineVdpa device, Func<Action> step, Action<Errno> answer)
    {
        Action then;
        using (_lock.Enter())
        {
            if (device.Driver != DriverState.Leaving)
            {
                then = step();
            }
            else if (device.Waiting.Count < MostWaiting)
            {
                device.Waiting.Enqueue(step);
                return;
            }
            else
            {
                then = () => answer(Errno.ENOMEM);
            }
        }

        then();
    }

    private Action Attach(MachineVdpa device, Errno ifBound, Action<Errno> answer)
    {
        if (device.Driver == DriverState.Bound) return () => answer(ifBound);
        machine.SetDriver(device, DriverState.Bound);
        return () => answer(Errno.None);
    }

    private Action Detach(MachineVdpa device, Action<Errno> answer)
    {
        if (device.Driver == DriverState.None) return () => answer(Errno.None);
        machine.SetDriver(device, DriverState.Leaving);
        return () => device.Device.Node!.Remove(() => Left(device, answer));
    }

    // Called when the node is closed.
    private void Left(MachineVdpa device, Action<Errno> answer)
    {
        using (_lock.Enter()) machine.SetDriver(device, DriverState.None);
        answer(Errno.None);
        while (true)
        {
            Action then;
            using (_lock.Enter())
            {
                if (device.Driver == DriverState.Leaving || !device.Waiting.TryDequeue(out Func<Action>? step)) return;
                then = step();
            }

            then();
        }
    }
}
