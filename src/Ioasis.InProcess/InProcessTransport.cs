using Ioasis.Client.InProcess;
using Ioasis.Linux.Events;
using Ioasis.Linux.Files;
using Ioasis.Machine;

namespace Ioasis.Client;

/// <summary>Transports to a machine within this process.</summary>
public static class InProcessTransport
{
    extension(NodeTransport)
    {
        /// <summary>
        /// The nodes of a machine within this process. Each call makes another process in the machine's eyes, with its
        /// own memory and descriptors, which ends with <see cref="NodeTransport.Dispose()"/>.
        /// </summary>
        /// <param name="machine">The machine; it must outlive the transport.</param>
        /// <param name="capabilities">The process's capabilities, by number (capabilities(7)); none by default.</param>
        public static NodeTransport InProcess(SoftwareMachine machine, params int[] capabilities)
        {
            ArgumentNullException.ThrowIfNull(machine);
            machine.UseShortNap(SysClock.Nap);
            SoftwareMachine.UseHoles(SysFiles.TryPunchHole);
            return new ProcessNodes(machine, capabilities);
        }
    }
}
