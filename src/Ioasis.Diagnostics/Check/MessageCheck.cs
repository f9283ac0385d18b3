using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Ioasis.Abi;
using Ioasis.Core.Observation;
using Ioasis.Diagnostics.Trace;
using static Ioasis.Diagnostics.Check.SeenMachine;

namespace Ioasis.Diagnostics.Check;

/// <summary>
/// Finds interrupt messages that no eventfd receives. The program enabled messages by VFIO_DEVICE_SET_IRQS without an
/// eventfd for the vector, or in configuration space alone, where VFIO lets no program enable them.
/// </summary>
/// <param name="machine">What is known of the machine.</param>
/// <param name="report">Takes the findings.</param>
internal sealed class MessageCheck(SeenMachine machine, Action<Finding> report) : MachineObserver
{
    private const uint MostVectors = 4096;

    private readonly ConditionalWeakTable<object, SeenMessages> _messages = []; // by the device's open file

    /// <inheritdoc/>
    internal override void OnCall(in CallEvent e)
    {
        NodeCall call = e.Call;
        if (call.Result < 0) return;
        if (call.CommandName == "VFIO_DEVICE_SET_IRQS") Set(call);
        else if (RegionNames.IsConfiguration(call)) _messages.GetOrCreateValue(call.File).Access(call);
    }

    /// <inheritdoc/>
    public override void OnInterrupt(in InterruptEvent e)
    {
        if (e.Vector is not { } vector) return;
        SeenDevice device = machine.DeviceOf(e.Endpoint);
        if (device.File?.Target is not { } file || !_messages.TryGetValue(file, out SeenMessages? messages)) return;
        if (messages.Vectors.Contains((uint)vector) || (!messages.IsEnabled && !messages.IsWanted)) return;
        report(new Finding
        {
            Kind = CheckKind.MsiWithoutEventfd,
            What = Text($"{device.Name} sent message {vector}") + (messages.IsEnabled
                ? ""
                : ", and the program enabled messages in configuration space alone"),
            Process = device.Process,
            Place = new FindingPlace(device.Name),
            Hint = "Give the vector an eventfd by VFIO_DEVICE_SET_IRQS before the device may send it.",
            Subject = (device, vector),
        });
    }

    private void Set(NodeCall call)
    {
        int size = Marshal.SizeOf<VfioIrqSet>();
        if (call.Before.Length < size) return;
        var set = MemoryMarshal.Read<VfioIrqSet>(call.Before);
        if (set.Index is not (VfioH.VFIO_PCI_MSI_IRQ_INDEX or VfioH.VFIO_PCI_MSIX_IRQ_INDEX)
            || (set.Flags & VfioH.VFIO_IRQ_SET_ACTION_TRIGGER) == 0) return;
        SeenMessages messages = _messages.GetOrCreateValue(call.File);
        if ((set.Flags & VfioH.VFIO_IRQ_SET_DATA_NONE) != 0 && set.Count == 0) messages.Disable();
        if ((set.Flags & VfioH.VFIO_IRQ_SET_DATA_EVENTFD) == 0) return;
        messages.IsEnabled = true;
        ReadOnlySpan<int> descriptors = MemoryMarshal.Cast<byte, int>(call.Before.AsSpan(size));
        for (int i = 0; i < Math.Min(set.Count, MostVectors); i++)
        {
            bool isNone = i < descriptors.Length && descriptors[i] < 0;
            if (isNone) messages.Vectors.Remove(set.Start + (uint)i);
            else messages.Vectors.Add(set.Start + (uint)i);
        }
    }
}
