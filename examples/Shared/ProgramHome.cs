using Ioasis.Client;
using Ioasis.Client.Drivers;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Examples;

/// <summary>
/// Where a driver program runs: on the nodes of the system, or on a machine in its own process, in user space there or
/// as a driver of the host.
/// </summary>
internal sealed class ProgramHome : IDisposable
{
    /// <summary>The options that choose it, for a program's usage.</summary>
    internal const string Options = """
          --device BDF|NODE        the function, or a VFIO node; 1000:00:05.0 by default
          --process                a machine in this process instead of the nodes of this system
          --host                   the same, and the driver is one of the host's
        """;

    private readonly SoftwareMachine? _machine;
    private readonly string _driver;
    private readonly bool _isInHost;

    /// <summary>Takes the options.</summary>
    /// <param name="arguments">The words.</param>
    /// <param name="driver">The driver's name in sysfs.</param>
    /// <param name="devices">The devices of a machine in this process, without addresses: the first has that of
    /// <c>--device</c>, the others the next ones. Properties follow after a comma.</param>
    internal ProgramHome(DriverArguments arguments, string driver, params string[] devices)
    {
        (Device, _driver) = (arguments.Take("--device", "1000:00:05.0"), driver);
        _isInHost = arguments.Take("--host");
        if (arguments.Take("--process") || _isInHost)
        {
            MachineDescription machine = MachineDescription.Empty;
            for (int i = 0; i < devices.Length; i++)
            {
                string[] parts = devices[i].Split(',', 2);
                machine = machine.WithDevice(
                    $"{parts[0]}@{AddressOf(i)}{(parts.Length > 1 ? "," + parts[1] : "")}");
            }

            _machine = SoftwareMachine.Create(machine);
        }

        Nodes = _machine is null ? NodeTransport.OfSystem() : NodeTransport.InProcess(_machine);
    }

    /// <summary>The address of the function, or its node.</summary>
    internal string Device { get; }

    /// <summary>The nodes; the process that a device's PASID can lead to.</summary>
    internal NodeTransport Nodes { get; }

    /// <summary>Opens the function, or one of those behind it.</summary>
    /// <param name="index">0 for the function, 1 for the next device.</param>
    /// <exception cref="IommuException">It cannot be had.</exception>
    internal DriverFunction Open(int index = 0)
    {
        string device = index == 0 ? Device : AddressOf(index);
        return !RequesterId.TryParse(device, out RequesterId requester) ? VfioFunction.Open(Nodes, device)
            : _isInHost ? HostDriverFunction.Open(_machine!, requester, _driver)
            : VfioFunction.Open(Nodes, requester);
    }

    public void Dispose()
    {
        Nodes.Dispose();
        _machine?.Dispose();
    }

    private string AddressOf(int index) => RequesterId.TryParse(Device, out RequesterId first)
        ? $"{new RequesterId(first.Segment, first.Bus, (byte)(first.Device + index), first.Function)}"
        : throw new ArgumentException($"{Device} is no address of a function.");
}
