import { useAddressState } from "@/ui/navigation";
import { PatientDialog } from "./PatientDialog";

/** Opened from any page by `?edit-patient=<id>`, or with `new` to enrol one. */
export default function EditPatient() {
  const [id, setId] = useAddressState("edit-patient");
  return id ? <PatientDialog id={id === "new" ? null : id} close={() => setId("")} /> : null;
}
