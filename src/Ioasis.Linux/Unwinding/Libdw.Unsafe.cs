using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Ioasis.Linux.Unwinding;

/// <summary>
/// The functions of elfutils' libdw that unwind stacks and name code (elfutils/libdwfl.h). The library is loaded where
/// it is installed: the product does not depend on it.
/// </summary>
// SAFETY: the types of the functions are those of the header. Pointers that they take are only passed by
// UnwindSession, which keeps what they point to alive during the call.
internal sealed unsafe class Libdw
{
    /// <summary>The sentence for a host without the library.</summary>
    public const string Missing =
        "libdw is not installed (Debian: libdw1, Fedora: elfutils-libs), so there are no stacks";

    private static readonly Lazy<Libdw?> s_loaded = new(Load);

    private Libdw(nint library)
    {
        Begin = (delegate* unmanaged<void*, void*>)Export("dwfl_begin");
        End = (delegate* unmanaged<void*, void>)Export("dwfl_end");
        ReportBeginAdd = (delegate* unmanaged<void*, void>)Export("dwfl_report_begin_add");
        ReportElf = (delegate* unmanaged<void*, byte*, byte*, int, ulong, byte, void*>)Export("dwfl_report_elf");
        ReportEnd = (delegate* unmanaged<void*, void*, void*, int>)Export("dwfl_report_end");
        AttachState = (delegate* unmanaged<void*, void*, int, void*, void*, byte>)Export("dwfl_attach_state");
        GetThreadFrames = (delegate* unmanaged<void*, int, void*, void*, int>)Export("dwfl_getthread_frames");
        FramePc = (delegate* unmanaged<void*, ulong*, byte*, byte>)Export("dwfl_frame_pc");
        SetRegisters = (delegate* unmanaged<void*, int, uint, ulong*, byte>)Export("dwfl_thread_state_registers");
        ModuleAt = (delegate* unmanaged<void*, ulong, void*>)Export("dwfl_addrmodule");
        ModuleSymbolAt = (delegate* unmanaged<void*, ulong, ulong*, void*, uint*, void**, ulong*, byte*>)
            Export("dwfl_module_addrinfo");
        ModuleUnitAt = (delegate* unmanaged<void*, ulong, ulong*, void*>)Export("dwfl_module_addrdie");
        ModuleNextUnit = (delegate* unmanaged<void*, void*, ulong*, void*>)Export("dwfl_module_nextcu");
        HasPc = (delegate* unmanaged<void*, ulong, int>)Export("dwarf_haspc");
        LineAt = (delegate* unmanaged<void*, ulong, void*>)Export("dwarf_getsrc_die");
        LineFile = (delegate* unmanaged<void*, ulong*, ulong*, byte*>)Export("dwarf_linesrc");
        LineNumber = (delegate* unmanaged<void*, int*, int>)Export("dwarf_lineno");
        Child = (delegate* unmanaged<void*, void*, int>)Export("dwarf_child");
        Sibling = (delegate* unmanaged<void*, void*, int>)Export("dwarf_siblingof");
        Tag = (delegate* unmanaged<void*, int>)Export("dwarf_tag");
        Name = (delegate* unmanaged<void*, byte*>)Export("dwarf_diename");
        ModuleBuildId = (delegate* unmanaged<void*, byte**, ulong*, int>)Export("dwfl_module_build_id");
        FindDebugInfo = Export("dwfl_standard_find_debuginfo");
        SectionAddress = Export("dwfl_offline_section_address");

        void* Export(string name) => (void*)NativeLibrary.GetExport(library, name);
    }

    public delegate* unmanaged<void*, void*> Begin { get; }

    public delegate* unmanaged<void*, void> End { get; }

    public delegate* unmanaged<void*, void> ReportBeginAdd { get; }

    public delegate* unmanaged<void*, byte*, byte*, int, ulong, byte, void*> ReportElf { get; }

    public delegate* unmanaged<void*, void*, void*, int> ReportEnd { get; }

    public delegate* unmanaged<void*, void*, int, void*, void*, byte> AttachState { get; }

    public delegate* unmanaged<void*, int, void*, void*, int> GetThreadFrames { get; }

    public delegate* unmanaged<void*, ulong*, byte*, byte> FramePc { get; }

    public delegate* unmanaged<void*, int, uint, ulong*, byte> SetRegisters { get; }

    public delegate* unmanaged<void*, ulong, void*> ModuleAt { get; }

    public delegate* unmanaged<void*, ulong, ulong*, void*, uint*, void**, ulong*, byte*> ModuleSymbolAt { get; }

    public delegate* unmanaged<void*, ulong, ulong*, void*> ModuleUnitAt { get; }

    public delegate* unmanaged<void*, void*, ulong*, void*> ModuleNextUnit { get; }

    public delegate* unmanaged<void*, ulong, int> HasPc { get; }

    public delegate* unmanaged<void*, ulong, void*> LineAt { get; }

    public delegate* unmanaged<void*, ulong*, ulong*, byte*> LineFile { get; }

    public delegate* unmanaged<void*, int*, int> LineNumber { get; }

    public delegate* unmanaged<void*, void*, int> Child { get; }

    public delegate* unmanaged<void*, void*, int> Sibling { get; }

    public delegate* unmanaged<void*, int> Tag { get; }

    public delegate* unmanaged<void*, byte*> Name { get; }

    public delegate* unmanaged<void*, byte**, ulong*, int> ModuleBuildId { get; }

    public void* FindDebugInfo { get; }

    public void* SectionAddress { get; }

    /// <summary>Loads the library once. False if it is not installed.</summary>
    public static bool TryGet([NotNullWhen(true)] out Libdw? library) => (library = s_loaded.Value) is not null;

    private static Libdw? Load()
    {
        if (!NativeLibrary.TryLoad("libdw.so.1", out nint library)) return null;
        try
        {
            return new Libdw(library);
        }
        catch (EntryPointNotFoundException)
        {
            return null; // older than elfutils 0.158
        }
    }
}
